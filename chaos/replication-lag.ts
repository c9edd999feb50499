// A region's Postgres falls behind: WAL reaches it too slowly.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const replicationLag: FaultHandler<'replication-lag'> = {
  summary: "a region's Postgres falls behind: WAL reaches it too slowly",
  ...notBuilt,
}
