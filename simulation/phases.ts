// Where the control plane as a whole is: faults are counted by it, and may wait for it.

/** The first that holds. */
export const phases = [
  'claiming',
  'preparing',
  'draining',
  'fencing',
  'promoting',
  'holding',
  'suspecting',
  'rebuilding',
  'steady',
  'leaderless',
] as const
export type WorldPhase = (typeof phases)[number]
