// The topology of a world, as runbooks state it and as containers get it in their environment.
import { z } from 'zod'
import { regions } from './sites.ts'
import { diskBytes, dnsTtlS, durationText, durationWithin, maxLossMs, memorySize } from './values.ts'

export const patterns = ['cold-standby', 'pilot-light', 'warm-standby', 'active-passive', 'active-active'] as const

export const commitModes = ['quorum', 'async'] as const
export type CommitMode = (typeof commitModes)[number]
export const steerings = ['glb', 'dns'] as const
export const fencePaths = ['in-band', 'out-of-band'] as const

export const topology = z.strictObject({
  pattern: z.enum(patterns).default('active-passive').meta({ description: 'How the regions share the work.' }),
  /** How clients find the write region: by their point of presence, or by DNS. */
  steering: z
    .enum(steerings)
    .default('glb')
    .meta({ description: 'How clients find the write region: by their point of presence, or by DNS.' }),
  commit: z
    .enum(commitModes)
    .default('quorum')
    .meta({ description: 'quorum: no acked write can be lost. async: fast, and the last writes can be lost.' }),
  /** The region that is primary when all is well. */
  home: z.enum(regions).default('a').meta({ description: 'The region that is primary when all is well.' }),
  /** `commit: async` only: the most replication lag, at the old primary's loss, above which the gate refuses to promote. */
  'max-loss': durationWithin(maxLossMs).default(5000).meta({
    description: 'With commit: async: the most replication lag with which a region is still promoted.',
  }),
  'accept-data-loss': z
    .boolean()
    .default(false)
    .meta({ description: 'With commit: async: promote however many writes are lost.' }),
  /** `in-band`: the fence device does not answer a site whose own control links are down. */
  'fence-path': z
    .enum(fencePaths)
    .default('in-band')
    .meta({ description: 'in-band: the fence device does not answer a site whose own control links are down.' }),
  /** Milliseconds, of whole seconds. */
  'dns-ttl': durationText
    .pipe(
      z
        .number()
        .refine((ms) => dnsTtlS.safeParse(ms / 1000).success, 'expected whole seconds: DNS knows no parts of them'),
    )
    .default(30_000)
    .meta({ description: 'How long resolvers may keep an answer.' }),
  disk: memorySize.pipe(diskBytes).nullable().default(null).meta({
    description:
      "Size of each Postgres's disk, then a file system of its own, kept in memory; null: the machine's disk, without a limit.",
  }),
})
export type Topology = z.infer<typeof topology>
