// Containers get little memory.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const memoryLimit: FaultHandler<'memory-limit'> = {
  summary: 'containers get little memory',
  ...notBuilt,
}
