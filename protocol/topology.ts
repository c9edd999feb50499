// The topology of a world, as runbooks state it and as containers get it in their environment.
import { z } from 'zod'
import { regions } from './sites.ts'

export const patterns = ['cold-standby', 'pilot-light', 'warm-standby', 'active-passive', 'active-active'] as const

/** Node's timers go off at once if they are asked to wait for longer. */
const longestMs = 2 ** 31 - 1

/** Milliseconds from a duration such as `250ms`, `30s`, `5m`, `1h`. */
export const durationText = z
  .string({ error: 'expected a duration such as 250ms, 30s, 5m' })
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'expected a duration such as 250ms, 30s, 5m')
  .transform((text) => parseDuration(text))
  .refine((ms) => ms <= longestMs, `expected a duration of at most ${Math.floor(longestMs / 3_600_000)}h`)

/**
 * @returns milliseconds
 * @throws RangeError if the text is no duration
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  if (match === null) throw new RangeError(`expected a duration such as 250ms, 30s, 5m, saw ${JSON.stringify(text)}`)
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h']
  return Number(match[1]) * factor
}

/** Bytes, from text such as `64MiB`. */
export const memorySize = z
  .string({ error: 'expected a size such as 64MiB or 1GiB' })
  .regex(/^\d+(\.\d+)?(K|M|G)iB$/, 'expected a size such as 64MiB or 1GiB')
  .transform((text) => {
    const factor = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[/[KMG]/.exec(text)?.[0] ?? ''] ?? 1
    return Math.round(Number.parseFloat(text) * factor)
  })

/** Two copies of a fresh cluster while one is made anew, and the WAL that Postgres keeps. */
const leastDiskBytes = 256 * 2 ** 20

export const commitModes = ['quorum', 'async'] as const
export type CommitMode = (typeof commitModes)[number]

export const topology = z.strictObject({
  pattern: z.enum(patterns).default('active-passive').meta({ description: 'How the regions share the work.' }),
  /** How clients find the write region: by their point of presence, or by DNS. */
  steering: z
    .enum(['glb', 'dns'])
    .default('glb')
    .meta({ description: 'How clients find the write region: by their point of presence, or by DNS.' }),
  commit: z
    .enum(commitModes)
    .default('quorum')
    .meta({ description: 'quorum: no acked write can be lost. async: fast, and the last writes can be lost.' }),
  /** The region that is primary when all is well. */
  home: z.enum(regions).default('a').meta({ description: 'The region that is primary when all is well.' }),
  /** `commit: async` only: the most replication lag, at the old primary's loss, above which the gate refuses to promote. */
  'max-loss': durationText.default(5000).meta({
    description: 'With commit: async: the most replication lag with which a region is still promoted.',
  }),
  'accept-data-loss': z
    .boolean()
    .default(false)
    .meta({ description: 'With commit: async: promote however many writes are lost.' }),
  /** `in-band`: the fence device does not answer a site whose own control links are down. */
  'fence-path': z
    .enum(['in-band', 'out-of-band'])
    .default('in-band')
    .meta({ description: 'in-band: the fence device does not answer a site whose own control links are down.' }),
  'dns-ttl': durationText.default(30_000).meta({ description: 'How long resolvers may keep an answer.' }),
  disk: memorySize
    .refine((bytes) => bytes >= leastDiskBytes, 'expected a disk of at least 256MiB')
    .nullable()
    .default(null)
    .meta({
      description:
        "Size of each Postgres's disk, then a file system of its own, kept in memory; null: the machine's disk, without a limit.",
    }),
})
export type Topology = z.infer<typeof topology>
