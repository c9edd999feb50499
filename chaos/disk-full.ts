// A database's disk is full.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const diskFull: FaultHandler<'disk-full'> = {
  summary: "a database's disk is full",
  ...notBuilt,
}
