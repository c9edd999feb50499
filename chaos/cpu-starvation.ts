// Containers get a small share of a processor.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const cpuStarvation: FaultHandler<'cpu-starvation'> = {
  summary: 'containers get a small share of a processor',
  ...notBuilt,
}
