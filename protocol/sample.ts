// One line of samples.ndjson: how the world and the machine were, about once a second while a drill ran.
import { z } from 'zod'
import { nodeStates } from './agent.ts'
import { lsn } from './epoch.ts'
import { signedNanoseconds } from './nanoseconds.ts'
import { regions, sites } from './sites.ts'

export const sample = z.object({
  /** Monotonic nanoseconds. */
  atNs: signedNanoseconds,
  /** What each region's Postgres agent said of it; a region whose agent did not answer is absent. */
  nodes: z.partialRecord(
    z.enum(regions),
    z.object({
      state: z.enum(nodeStates),
      /** Epoch of the last flushed record, and the position: written (primary) or replayed (standby). */
      epoch: z.number().nullable(),
      lsn: lsn.nullable(),
      following: z.enum(regions).nullable(),
      streaming: z.boolean(),
      epochCommitted: z.boolean(),
    }),
  ),
  /** Directed pairs of sites between which no packet passes, `a>b`; null: the WAN did not answer. */
  cut: z.array(z.templateLiteral([z.enum(sites), '>', z.enum(sites)])).nullable(),
  machine: z.object({
    /** Share of the processors' time that was spent on anything since the last sample, 0..1. */
    busyShare: z.number().nullable(),
    /** How late the harness's own loop was at worst since the last sample. */
    lateMs: z.number(),
  }),
})
export type Sample = z.infer<typeof sample>
