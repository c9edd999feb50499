// A game day as a YAML file: what is built, what is demanded, what load runs, what is done to it. Durations become milliseconds.
import { z } from 'zod'
import { areas, areaHosts, linkClasses, regionHosts, regions } from './sites.ts'
import { duration as durationText, topology } from './topology.ts'

const duration = z.string({ error: 'expected a duration such as 250ms, 30s, 5m' }).pipe(durationText)
const someTime = duration.refine((ms) => ms > 0, 'expected a duration above 0')
const someText = z.string().min(1, 'expected some text')
const mostPerSecond = 10_000

/** The event kinds that a runbook can wait for. */
export const awaitedEvents = ['failover-complete', 'resynced', 'steady'] as const
export type AwaitedEvent = (typeof awaitedEvents)[number]

const regionNames = regions.join('|')
const regionTarget = z
  .string()
  .regex(new RegExp(`^region (${regionNames})$`), `expected "region X" with X one of ${regions.join(', ')}`)

const services = [...Object.keys(regionHosts), ...Object.keys(areaHosts)]
const serviceTarget = z
  .string()
  .regex(
    new RegExp(
      `^(${services.join('|')})\\.(${[...regions, ...areas].join('|')}|\\*)(, ?(${services.join('|')})\\.(${[...regions, ...areas].join('|')}|\\*))*$`,
    ),
    'expected services such as "controller.a", "controller.*" or "controller.*, etcd.*"',
  )

const site = `(${[...regions, ...areas].join('|')})`
const linkTarget = z
  .string()
  .regex(
    new RegExp(`^(all|${site}(,${site})* (->|<->) ${site}(,${site})*)$`),
    'expected "all", "a -> b,c" or "a <-> b"',
  )

const bitsPerSecond = z
  .string({ error: 'expected a bandwidth such as 500kbit or 10Mbit' })
  .regex(/^\d+(\.\d+)?(k|M|G)?bit$/, 'expected a bandwidth such as 500kbit or 10Mbit')
  .transform((text) => {
    const factor = { k: 1e3, M: 1e6, G: 1e9 }[/[kMG]/.exec(text)?.[0] ?? ''] ?? 1
    return Number.parseFloat(text) * factor
  })
  .refine((bits) => bits > 0, 'expected a bandwidth above 0; a link that carries nothing is a partition')

const anyFault = {
  /** Names the fault inside the runbook; `heal` refers to it. */
  id: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected a name of lower-case letters, digits and dashes'),
  /** The longest that the fault may last. The WAN enforces it by itself for network faults. */
  for: someTime.default(600_000),
  /** A condition of the drill, not the fault that t0 is taken from. */
  background: z.boolean().default(false),
}

export const faultKinds = [
  'power-loss',
  'partition',
  'freeze',
  'postgres-crash',
  'link-degrade',
  'process-kill',
] as const

export const faultSpec = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ ...anyFault, kind: z.literal('power-loss'), target: regionTarget }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('partition'),
      target: regionTarget,
      /** `stay`: client areas still reach the region; it is cut from the other regions only. */
      clients: z.enum(['cut', 'stay']).default('cut'),
      class: z.enum(linkClasses).optional(),
    }),
    z.strictObject({ ...anyFault, kind: z.literal('freeze'), target: regionTarget }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('postgres-crash'),
      target: regionTarget,
      /** Where other faults decide whether a Postgres runs, and comes back: true leaves it out without one, and waits for none. */
      optional: z.boolean().default(false),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('link-degrade'),
      target: linkTarget,
      class: z.enum(linkClasses).optional(),
      delay: duration.optional(),
      jitter: z.number().min(0).max(1).optional(),
      loss: z.number().min(0).max(1).optional(),
      reorder: z.number().min(0).max(1).optional(),
      bandwidth: bitsPerSecond.optional(),
    }),
    z.strictObject({
      ...anyFault,
      kind: z.literal('process-kill'),
      target: serviceTarget,
      signal: z.enum(['kill', 'stop']).default('kill'),
    }),
  ],
  { error: `expected a kind of ${faultKinds.join(', ')}` },
)
export type FaultSpec = z.infer<typeof faultSpec>
export type FaultKind = FaultSpec['kind']

/** `failback` is a switchover to home. `to` is demanded by `switchover` only. */
export const actionSpec = z.union([
  z
    .enum(['failback', 'failover'])
    .transform((kind) => ({ kind, to: undefined, 'accept-data-loss': false, wait: true })),
  z.strictObject({
    kind: z.enum(['switchover', 'failover', 'failback']),
    to: z.enum(regions).optional(),
    'accept-data-loss': z.boolean().default(false),
    /** False: the method goes on at once, and a refusal is noted but ends nothing. */
    wait: z.boolean().default(true),
  }),
])
export type ActionSpec = z.infer<typeof actionSpec>

/** What must have been true while a `hold` lasted; each becomes an objective of its own. */
export const expectation = z
  .strictObject({
    /** At most so many operations failed or ended as unknown, counted from a fault in the step right before. */
    failed: z.number().int().nonnegative().optional(),
    /** At most so many writes that were sent in it were acked in it. */
    acked: z.number().int().nonnegative().optional(),
  })
  .refine((value) => Object.keys(value).length > 0, { message: 'expected at least one of failed, acked' })

export const stepKinds = ['hold', 'fault', 'wait-for', 'approve', 'heal', 'action'] as const

/** One step of the method: an object with exactly one of these kinds; a hold may also say what it expects. */
export const step = z
  .strictObject({
    hold: duration.optional(),
    fault: faultSpec.optional(),
    'wait-for': z.strictObject({ event: z.enum(awaitedEvents), within: duration }).optional(),
    approve: someText.optional(),
    heal: someText.optional(),
    action: actionSpec.optional(),
    expect: expectation.optional(),
  })
  .refine((value) => stepKinds.filter((kind) => value[kind] !== undefined).length === 1, {
    message: `expected exactly one of ${stepKinds.join(', ')} in a step`,
  })
  .refine((value) => value.expect === undefined || value.hold !== undefined, {
    message: 'expected "expect" beside a hold only',
  })
export type Step = z.infer<typeof step>

const atLeast = z
  .string({ error: 'expected a bound such as ">= 1"' })
  .regex(/^>= ?\d+(\.\d+)?$/, 'expected a bound such as ">= 1"')
  .transform((text) => Number(text.slice(2)))

/** What the drill must show. An absent objective is measured and reported but not demanded. */
export const objectives = z.strictObject({
  /** Service restored in the worst area. */
  rto: duration.optional(),
  'rto-first-write': duration.optional(),
  /** 0s: no acked write lost in any store; more: the oldest lost write was acked at most so long before t0. */
  rpo: duration.optional(),
  /** A drill of an expected loss proves nothing unless the loss is found: at least so many acked writes are gone. */
  'lost-writes': atLeast.optional(),
  'longest-gap': duration.optional(),
  'failback-gap': duration.optional(),
  'failback-failed': z.number().int().nonnegative().optional(),
})
export type Objectives = z.infer<typeof objectives>

export const hypothesis = z.strictObject({
  /** A share 0..1, from text such as ">= 99.9%". */
  'success-rate': z
    .string({ error: 'expected a bound such as ">= 99.9%"' })
    .regex(/^>= ?\d+(\.\d+)?%$/, 'expected a bound such as ">= 99.9%"')
    .transform((text) => Number.parseFloat(text.slice(2)) / 100)
    .refine((share) => share <= 1, 'expected at most ">= 100%"'),
  /** Milliseconds, from text such as "<= 500ms". */
  p99: z
    .string({ error: 'expected a bound such as "<= 500ms"' })
    .regex(/^<= ?\d+(\.\d+)?(ms|s)$/, 'expected a bound such as "<= 500ms"')
    .transform((text) => Number.parseFloat(text.slice(2)) * (text.endsWith('ms') ? 1 : 1000)),
})

export const load = z.strictObject({
  /** Operations per second, summed over the areas; from text such as "100/s". */
  rate: z
    .string({ error: 'expected a rate such as "100/s"' })
    .regex(/^\d+(\.\d+)?\/s$/, 'expected a rate such as "100/s"')
    .transform((text) => Number.parseFloat(text))
    .refine((rate) => rate > 0 && rate <= mostPerSecond, `expected a rate above 0/s and at most ${mostPerSecond}/s`),
  /** Share of reads, 0..1. */
  reads: z.number().min(0).max(1).default(0.5),
  from: z
    .array(z.enum(areas))
    .min(1)
    .refine((from) => new Set(from).size === from.length, 'expected each area once')
    .default([...areas]),
  timeout: someTime.default(3000),
})

export const runbook = z.strictObject({
  title: someText,
  topology: topology.prefault({}),
  objectives: objectives.default({}),
  load: load,
  'steady-state-hypothesis': hypothesis,
  method: z.array(step).min(1),
})
export type Runbook = z.infer<typeof runbook>
