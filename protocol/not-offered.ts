// Faults that people ask for and that no fault kind does, and why: so that asking for one gets an answer.
export const faultsNotOffered: Readonly<Record<string, string>> = {
  'disk-slow':
    "the kernel slows a container only at a block device of its own, and a container's folders have none; what stands in for one (device mapper, FUSE) needs a privileged container. Nearest: cpu-starvation of postgres.X (late in all it does) or disk-full",
  'disk-read-only':
    'a file system is made read-only by mounting it anew, which needs a privileged container. Nearest: disk-full (nothing more can be written)',
}
