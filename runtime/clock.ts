// The clock that every figure is computed from: the kernel's monotonic clock, shared by all containers of a world.

/** CLOCK_MONOTONIC in nanoseconds. */
export function monotonicNs(): bigint {
  return process.hrtime.bigint()
}

/** CLOCK_MONOTONIC in milliseconds, fractions kept. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
