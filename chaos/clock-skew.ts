// The wall clock of processes is ahead or behind.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const clockSkew: FaultHandler<'clock-skew'> = {
  summary: 'the wall clock of processes is ahead or behind',
  ...notBuilt,
}
