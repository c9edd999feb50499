// The faults that can be injected, as runbooks and `chaos inject` state them. What each does is in chaos/, one file per kind.
import { z } from 'zod'
import { dnsFailureModes } from './dns.ts'
import { faultsNotOffered } from './not-offered.ts'
import { areas, areaHosts, linkClasses, regionHosts, regions } from './sites.ts'
import { longestFaultId, someText } from './names.ts'
import {
  bandwidthBps,
  delayMs,
  durationWithin,
  faultTimeText,
  memoryLimitText,
  share,
  skewText,
  turnMs,
} from './values.ts'

/** A flapping link's time in one state. */
const turn = durationWithin(turnMs)
/** All services of all sites, one by one, take less; links are each with each other. */
const longestTarget = 600

const siteNames = [...regions, ...areas].join('|')
const siteList = `(${siteNames})(,(${siteNames}))*`

const regionTarget = z
  .string()
  .regex(new RegExp(`^region (${regions.join('|')})$`), `expected "region X" with X one of ${regions.join(', ')}`)

/** These make the load and measure it: what a fault does to them would be told as the service's doing. */
const harnessServices: readonly string[] = ['client'] satisfies readonly (keyof typeof areaHosts)[]
const namesHarness = new RegExp(`(^|, ?)(${harnessServices.join('|')})\\.`)

/** Services of some kinds in some sites: `controller.a`, `controller.*`, `controller.*, etcd.*`. */
function servicesTarget(services: readonly string[], example: string): z.ZodString {
  const one = `(${services.join('|')})\\.(${siteNames}|\\*)`
  const expected = `expected services such as ${example}, of ${services.join(', ')}`
  const why = `; ${harnessServices.join(', ')} measures, so what befell it would be told as the service's doing: strike its links (partition, link-degrade), resolver or glb`
  return z
    .string()
    .max(longestTarget, `expected a target of at most ${longestTarget} letters`)
    .regex(new RegExp(`^${one}(, ?${one})*$`), {
      error: ({ input }) => (namesHarness.test(String(input)) ? `${expected}${why}` : expected),
    })
}
const anyServices = servicesTarget(
  [...Object.keys(regionHosts), ...Object.keys(areaHosts)].filter((each) => !harnessServices.includes(each)),
  '"controller.a", "controller.*" or "controller.*, etcd.*"',
)

const linkTarget = z
  .string()
  .max(longestTarget, `expected a target of at most ${longestTarget} letters`)
  .regex(new RegExp(`^(all|${siteList} (->|<->) ${siteList})$`), 'expected "all", "a -> b,c" or "a <-> b"')

const cutTarget = z
  .string()
  .max(longestTarget, `expected a target of at most ${longestTarget} letters`)
  .regex(
    new RegExp(
      `^(region (${regions.join('|')})|${siteList} -> ${siteList}|${siteList}(\\|${siteList})+|bridge (${regions.join('|')}))$`,
    ),
    'expected "region a" (from all others), "a -> b,c" (one way), "a,na|b,c" (groups) or "bridge b" (the others reach only b)',
  )

const bitsPerSecond = z
  .string({ error: 'expected a bandwidth such as 500kbit or 10Mbit' })
  .regex(/^\d+(\.\d+)?(k|M|G)?bit$/, 'expected a bandwidth such as 500kbit or 10Mbit')
  .transform((text) => {
    const factor = { k: 1e3, M: 1e6, G: 1e9 }[/[kMG]/.exec(text)?.[0] ?? ''] ?? 1
    return Number.parseFloat(text) * factor
  })
  .pipe(bandwidthBps)

/**
 * Postgres sends up to 128 KiB of WAL as one message, which must be through before a walreceiver gives its connection up (5 s), some
 * of it twice: what is narrower breaks the connection again and again, and nothing comes through at all.
 */
const narrowestLagBps = 384e3
const narrowestLagText =
  'expected at least 384kbit: on less no replication connection holds, which makes it a partition'

const anyFault = {
  /** Names the fault inside the runbook; `heal` refers to it. */
  id: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'expected a name of lower-case letters, digits and dashes')
    .max(longestFaultId, `expected a name of at most ${longestFaultId} letters`)
    .meta({ description: 'Names the fault inside the runbook; heal refers to it.' }),
  /**
   * Its planned end: then it is healed, whatever became of the drill. Without it, it lasts until the drill heals it, and no longer
   * than a minute beyond a drill that is gone.
   */
  for: faultTimeText.optional().meta({
    description:
      'Its planned end: then it is healed, whatever became of the drill. Absent: it lasts until it is healed; the drill renews it while it lives.',
  }),
  /** A condition of the drill, not the fault that t0 is taken from. */
  background: z
    .boolean()
    .default(false)
    .meta({ description: 'A condition of the drill, not the fault that the RTO is counted from.' }),
}

export const faultKinds = [
  'power-loss',
  'partition',
  'link-degrade',
  'replication-lag',
  'freeze',
  'pause',
  'process-kill',
  'process-crash',
  'postgres-crash',
  'cpu-starvation',
  'memory-limit',
  'disk-full',
  'clock-skew',
  'dns-fail',
  'redis-empty',
  'kafka-loss',
  'etcd-loss',
  'fence-break',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** What is said of a kind that is none. */
export function whatKind(found: unknown): string {
  const reason =
    typeof found === 'string' && Object.hasOwn(faultsNotOffered, found) ? faultsNotOffered[found] : undefined
  const expected = `expected a kind of ${faultKinds.join(', ')}`
  return reason === undefined ? expected : `${expected}; ${String(found)} is not offered: ${reason}`
}

export const faultSpec = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      ...anyFault,
      kind: z.literal('power-loss'),
      target: regionTarget,
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('partition'),
      target: cutTarget,
      clients: z.enum(['cut', 'stay']).optional().meta({
        description:
          'With "region X" only. stay: client areas still reach the region, it is cut from the other regions only. Absent: cut.',
      }),
      class: z.enum(linkClasses).optional().meta({ description: 'Only traffic of this class of hosts.' }),
      flap: z
        .strictObject({
          down: turn.meta({ description: 'How long they are down.' }),
          up: turn.meta({ description: 'How long they are up.' }),
        })
        .optional()
        .meta({ description: 'The links go down and up in turns, down first.' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('link-degrade'),
      target: linkTarget,
      class: z.enum(linkClasses).optional().meta({ description: 'Only traffic of this class of hosts.' }),
      delay: durationWithin(delayMs).optional().meta({ description: 'One way, in place of what the link takes else.' }),
      jitter: share.optional().meta({ description: 'As a share of the delay, 0 to 1.' }),
      loss: share.optional().meta({ description: 'The share of packets that vanish, 0 to 1.' }),
      reorder: share.optional().meta({ description: 'The share of packets that overtake others, 0 to 1.' }),
      bandwidth: bitsPerSecond.optional().meta({ description: 'Such as 500kbit or 10Mbit.' }),
    }),
    /** WAL reaches the region's Postgres so slowly that it falls behind. */
    z.strictObject({
      ...anyFault,
      kind: z.literal('replication-lag'),
      target: regionTarget,
      bandwidth: bitsPerSecond
        .refine((bits) => bits >= narrowestLagBps, narrowestLagText)
        .prefault('512kbit')
        .meta({ description: 'What is left for WAL, such as 512kbit.' }),
    }),
    z.strictObject({ ...anyFault, kind: z.literal('freeze'), target: regionTarget }),
    z.strictObject({ ...anyFault, kind: z.literal('pause'), target: anyServices }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('process-kill'),
      target: anyServices,
      signal: z
        .enum(['kill', 'stop'])
        .default('kill')
        .meta({ description: 'kill: at once. stop: asked to end first.' }),
    }),
    /** One process inside a container dies by kill -9; its container lives, unless it was PID 1's only child. */
    z.strictObject({
      ...anyFault,
      kind: z.literal('process-crash'),
      target: anyServices,
      /** As its command line begins, or as `ps` calls it: `walreceiver`, `node`, `haproxy`. */
      process: someText
        .max(100, 'expected the name of a process, at most 100 letters')
        .meta({ description: 'As its command line begins, or as ps calls it: walreceiver, node, haproxy.' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('postgres-crash'),
      target: regionTarget,
      /** Where other faults decide whether a Postgres runs, and comes back: true leaves it out without one, and waits for none. */
      optional: z
        .boolean()
        .default(false)
        .meta({ description: 'true: left out where no Postgres runs, and no return is waited for.' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('cpu-starvation'),
      target: anyServices,
      /** Of one processor, for each container. */
      share: z.number().min(0.01).max(1).default(0.05).meta({ description: 'Of one processor, for each container.' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('memory-limit'),
      target: anyServices,
      limit: memoryLimitText.prefault('64MiB').meta({ description: 'Such as 64MiB.' }),
    }),
    /** Needs a topology with `disk: SIZE`. */
    z.strictObject({
      ...anyFault,
      kind: z.literal('disk-full'),
      target: servicesTarget(['postgres'], '"postgres.a"'),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('clock-skew'),
      target: servicesTarget(['app', 'controller', 'postgres'], '"controller.a" or "app.*"'),
      by: skewText.meta({ description: 'Ahead (+90s) or behind (-5m).' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('dns-fail'),
      target: servicesTarget(['dns'], '"dns.a" or "dns.*"'),
      mode: z
        .enum(dnsFailureModes)
        .default('servfail')
        .meta({ description: 'servfail: an error. silent: no answer. stale: the old address.' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('redis-empty'),
      target: servicesTarget(['redis'], '"redis.a"'),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('kafka-loss'),
      target: servicesTarget(['kafka'], '"kafka.a"'),
      /** `lost`: it comes back with an empty disk. */
      data: z.enum(['kept', 'lost']).default('lost').meta({ description: 'lost: it comes back with an empty disk.' }),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('etcd-loss'),
      target: servicesTarget(['etcd'], '"etcd.b"'),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('fence-break'),
      target: z.literal('fence device', { error: 'expected "fence device": there is one' }),
      mode: z
        .enum(['refuse', 'silent'])
        .default('silent')
        .meta({ description: 'refuse: it says no. silent: it does not answer.' }),
    }),
  ],
  { error: (issue) => whatKind((issue.input as { readonly kind?: unknown } | null | undefined)?.kind) },
)
export type FaultSpec = z.infer<typeof faultSpec>
