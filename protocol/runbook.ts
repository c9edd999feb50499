// A game day as a YAML file: what is built, what is demanded, what load runs, what is done to it. Durations become milliseconds.
import { z } from 'zod'
import { faultSpec } from './faults.ts'
import { areas, regions } from './sites.ts'
import { durationText as duration, topology } from './topology.ts'

const someTime = duration.refine((ms) => ms > 0, 'expected a duration above 0')
const someText = z.string().min(1, 'expected some text')
const mostPerSecond = 10_000

/** The event kinds that a runbook can wait for. */
export const awaitedEvents = ['failover-complete', 'resynced', 'steady'] as const
export type AwaitedEvent = (typeof awaitedEvents)[number]

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
