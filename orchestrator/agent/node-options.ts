// What a node under orders is given, and whom it tells.
import type { Kept } from '#orchestrator/core/agent/decisions.ts'
import type { TimelineNotice } from '#protocol/agent.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import type { Log } from '#runtime/log.ts'
import type { Events } from './events.ts'
import type { ReplicationLink } from './replication-link.ts'

export type NodeOptions = {
  region: Region
  commit: CommitMode
  appPassword: string
  wallClock: Readonly<Record<string, string>>
  kept: Kept
  log: Log
  events: Events
  /** Postgres's way to its source. */
  link: ReplicationLink
  /** Called after every change that others decide by. */
  changed: () => void
  /** So long Postgres is given to see a new timeline, before it finds out by itself. */
  timelineLookMs: number
  /** Called after a promotion, so that the others hear of the new timeline at once. */
  tell: (notice: TimelineNotice) => void
}
