// One process inside a container dies by kill -9.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const processCrash: FaultHandler<'process-crash'> = {
  summary: 'one process inside a container dies by kill -9',
  ...notBuilt,
}
