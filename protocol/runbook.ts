// A game day as a YAML file: what is built, what is demanded, what load runs, what is done to it. Durations become milliseconds.
// The descriptions are what editors show (runbooks/runbook.schema.json is made of them).
import { z } from 'zod'
import { faultSpec } from './faults.ts'
import { anyText, lineOfText, someText } from './names.ts'
import { areas, regions } from './sites.ts'
import { topology } from './topology.ts'
import {
  clientTimeoutMs,
  durationText as duration,
  durationWithin,
  leastPerSecondOfArea,
  mostInFlight,
  mostPerSecond,
  mostPerSecondOfArea,
  parseDuration,
  share,
  someTimeText as someTime,
} from './values.ts'

const parameterValue = z.union([anyText, z.number(), z.boolean()], {
  error: 'expected text, a number, true or false',
})
export type ParameterValue = z.infer<typeof parameterValue>

/** A value that `${name}` stands for anywhere in the runbook's values. */
const parameter = z.union(
  [
    parameterValue,
    z.strictObject({
      default: parameterValue.meta({ description: 'The value without --set.' }),
      description: someText.optional().meta({ description: 'What it is for; the dry run shows it.' }),
      'one-of': z.array(parameterValue).min(1).optional().meta({ description: 'The only values that are allowed.' }),
    }),
  ],
  { error: 'expected text, a number, true, false, or { default: … }' },
)

/** The event kinds that a runbook can wait for. */
export const awaitedEvents = [
  'suspected',
  'failover-complete',
  'write-acked',
  'steady',
  'resynced',
  'home-primary',
] as const
export type AwaitedEvent = (typeof awaitedEvents)[number]

const actionWords = 'expected failback, failover, or an order such as { kind: switchover, to: b }'
/** `failback` is a switchover to home. `to` is demanded by `switchover` only. */
export const actionSpec = z.union(
  [
    z
      .enum(['failback', 'failover'])
      .transform((kind) => ({ kind, to: undefined, 'accept-data-loss': false, wait: true })),
    z.strictObject({
      kind: z
        .enum(['switchover', 'failover', 'failback'])
        .meta({ description: 'switchover: planned, to `to`. failover: now. failback: planned, home.' }),
      to: z.enum(regions).optional().meta({ description: 'The region that shall be primary.' }),
      'accept-data-loss': z
        .boolean()
        .default(false)
        .meta({ description: 'A failover with commit: async only: promote even if acked writes are lost.' }),
      /** False: the method goes on at once, and a refusal is noted but ends nothing. */
      wait: z
        .boolean()
        .default(true)
        .meta({ description: 'false: go on at once; a refusal is noted but ends nothing.' }),
    }),
  ],
  { error: actionWords },
)
export type ActionSpec = z.infer<typeof actionSpec>

/** What must have been true while a `hold` lasted; each becomes an objective of its own. */
export const expectation = z
  .strictObject({
    /** At most so many operations failed or ended as unknown, counted from a fault in the step right before. */
    failed: z
      .number()
      .int()
      .nonnegative()
      .optional()
      .meta({ description: 'At most so many operations failed or ended as unknown, from the fault right before on.' }),
    /** At most so many writes that were sent in it were acked in it. */
    acked: z
      .number()
      .int()
      .nonnegative()
      .optional()
      .meta({ description: 'At most so many writes that were sent in this hold were acked in it.' }),
  })
  .refine((value) => Object.keys(value).length > 0, { message: 'expected at least one of failed, acked' })

const awaited = z.strictObject({
  event: z.enum(awaitedEvents).meta({
    description:
      'suspected: a controller suspects the primary. failover-complete: an epoch is active that is later than before the latest row of faults or order. write-acked: a write sent since the last fault or order is acked. steady: the hypothesis is met in each area. resynced: every replica streams. home-primary: the home region is primary.',
  }),
  within: someTime.meta({ description: 'The step fails if it has not happened by then.' }),
})

const holdKey = duration.optional().meta({ description: 'Let the load run for so long.' })
const waitKey = awaited.optional().meta({ description: 'Wait until something is seen, at most for so long.' })
const healKey = someText.optional().meta({ description: 'The id of the fault to heal.' })
const actionKey = actionSpec
  .meta({ id: 'action' })
  .optional()
  .meta({ description: 'An order to the controllers, as an operator gives it.' })
const notesKey = someText.optional().meta({ description: 'For people: who does or watches what. Shown, never run.' })

/** A day of a step each minute or two. */
const mostSteps = 1000

const singleKinds = ['hold', 'fault', 'wait-for', 'approve', 'heal', 'action'] as const
export const stepKinds = [...singleKinds, 'parallel'] as const

const singleKeys = {
  hold: holdKey,
  fault: faultSpec
    .meta({ id: 'fault' })
    .optional()
    .meta({ description: 'A fault to inject; it is shown to have taken effect.' }),
  'wait-for': waitKey,
  approve: someText
    .optional()
    .meta({ description: 'A question; the drill goes on once a person has said yes, and ends if they say no.' }),
  heal: healKey,
  action: actionKey,
  expect: expectation.optional().meta({ description: 'Beside a hold: what must have been true while it lasted.' }),
  notes: notesKey,
}

function exactlyOne(kinds: readonly string[]): [(value: object) => boolean, { readonly message: string }] {
  const has = (value: object): number => kinds.filter((kind) => Reflect.get(value, kind) !== undefined).length
  return [(value) => has(value) === 1, { message: `expected exactly one of ${kinds.join(', ')} in a step` }]
}

const besideHold: [(value: { hold?: unknown; expect?: unknown }) => boolean, { readonly message: string }] = [
  (value) => value.expect === undefined || value.hold !== undefined,
  { message: 'expected "expect" beside a hold only' },
]

/** One thing that is done: an object with exactly one of these kinds; a hold may also say what it expects. */
const singleStep = z
  .strictObject(singleKeys)
  .refine(...exactlyOne(singleKinds))
  .refine(...besideHold)
  .meta({ id: 'step' })
export type SingleStep = z.infer<typeof singleStep>

/** One step of the method. Branches of a `parallel` step don't branch again. */
export const step = z
  .strictObject({
    ...singleKeys,
    parallel: z
      .array(z.union([singleStep, z.array(singleStep).min(1).max(mostSteps, `expected at most ${mostSteps} steps`)]))
      .min(2)
      .max(mostSteps, `expected at most ${mostSteps} branches`)
      .optional()
      .meta({
        description:
          'Branches that run side by side: each a step, or a list of steps. If one fails, the others go on to their end; then the drill ends.',
      }),
  })
  .refine(...exactlyOne(stepKinds))
  .refine(...besideHold)
export type Step = z.infer<typeof step>

/** Rollback takes back: it neither breaks anything nor asks anybody. */
const rollbackKinds = ['hold', 'wait-for', 'heal', 'action'] as const
const rollbackStep = z
  .strictObject({ hold: holdKey, 'wait-for': waitKey, heal: healKey, action: actionKey, notes: notesKey })
  .refine(...exactlyOne(rollbackKinds))

const atLeast = z
  .string({ error: 'expected a bound such as ">= 1"' })
  .regex(/^>= ?\d+$/, 'expected a bound such as ">= 1"')
  .transform((text) => Number(text.slice(2)))
  .pipe(z.number().min(1, 'expected at least ">= 1": none is what every drill finds').max(1e9))

/** What the drill must show. An absent objective is measured and reported but not demanded. */
export const objectives = z.strictObject({
  /** Service restored in the worst area. */
  rto: someTime.optional().meta({ description: 'Service restored, in the worst client area, within this time.' }),
  'rto-first-write': someTime.optional().meta({ description: 'The first write acked again within this time.' }),
  /** 0s: no acked write lost in any store; more: the oldest lost write was acked at most so long before t0. */
  rpo: duration.optional().meta({
    description:
      '0s: no acked write is lost in any store. More: the oldest lost one was acked so long before, at most.',
  }),
  /** A drill of an expected loss proves nothing unless the loss is found: at least so many acked writes are gone. */
  'lost-writes': atLeast
    .optional()
    .meta({ description: 'Where a loss is expected: at least so many acked writes are found gone, as ">= 1".' }),
  'longest-gap': someTime.optional().meta({ description: 'The longest time without an acked write.' }),
  'failback-gap': someTime.optional().meta({ description: 'The longest time without an acked write in the failback.' }),
  'failback-failed': z
    .number()
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'At most so many operations fail in the failback.' }),
  /** Service that breaks down without a fault, an order or a heal that explains it. Absent: none, by a check. */
  'unexplained-incidents': z
    .number()
    .int()
    .nonnegative()
    .optional()
    .meta({ description: 'At most so many outages that no fault, order or heal of the drill explains; else none.' }),
})
export type Objectives = z.infer<typeof objectives>

/** The number nearest to the share as written: 99.9 / 100 is above 0.999, which 999 of 1000 would not meet. */
const percent = (text: string): number => Number(`${/[\d.]+/.exec(text)?.[0]}e-2`)
/** Milliseconds. */
const latencyLimit = z
  .number()
  .int('expected whole milliseconds')
  .min(1, 'expected at least 1ms')
  .max(600_000, 'expected at most 10m')

export const hypothesis = z.strictObject({
  /** A share 0..1, from text such as ">= 99.9%". */
  'success-rate': z
    .string({ error: 'expected a bound such as ">= 99.9%"' })
    .regex(/^>= ?\d+(\.\d+)?%$/, 'expected a bound such as ">= 99.9%"')
    .transform(percent)
    .pipe(
      z
        .number()
        .positive('expected more than ">= 0%": without a success nothing is well')
        .max(1, 'expected at most ">= 100%"'),
    )
    .meta({ description: 'The share of operations that succeed, such as ">= 99.9%".' }),
  /** Milliseconds, from text such as "<= 500ms". */
  p99: z
    .string({ error: 'expected a bound such as "<= 500ms"' })
    .regex(/^<= ?\d+(\.\d+)?(ms|s|m|h)$/, 'expected a bound such as "<= 500ms"')
    .transform((text) => parseDuration(text.slice(2).trim()))
    .pipe(latencyLimit)
    .meta({ description: 'The 99th percentile of latency, such as "<= 500ms".' }),
})

const lookableText = 'expected to look at 1s or more, and at most 24h'
const isLookable = ({ forMs }: { readonly forMs: number }): boolean =>
  forMs >= 1000 && duration.safeParse(`${forMs}ms`).success

/** Stop loss: any of these ends the method. Each is looked at all the time, in each client area. */
export const abortConditions = z
  .strictObject({
    'success-rate': z
      .string({ error: 'expected a limit such as "< 50% for 20s"' })
      .regex(/^< ?\d+(\.\d+)?% for \d+(\.\d+)?(ms|s|m|h)$/, 'expected a limit such as "< 50% for 20s"')
      .transform((text) => ({ text, below: percent(text), forMs: lastDuration(text) }))
      .refine(({ below }) => below > 0 && below <= 1, 'expected a share above 0% and at most 100%')
      .refine(isLookable, lookableText)
      .optional()
      .meta({ description: 'Fewer operations than this succeeded, in any area: "< 50% for 20s".' }),
    p99: z
      .string({ error: 'expected a limit such as "> 2s for 10s"' })
      .regex(/^> ?\d+(\.\d+)?(ms|s|m|h) for \d+(\.\d+)?(ms|s|m|h)$/, 'expected a limit such as "> 2s for 10s"')
      .transform((text) => {
        const [limit = ''] = text.slice(1).trim().split(' ')
        return { text, aboveMs: parseDuration(limit), forMs: lastDuration(text) }
      })
      .refine(({ aboveMs }) => latencyLimit.safeParse(aboveMs).success, 'expected whole milliseconds from 1ms to 10m')
      .refine(isLookable, lookableText)
      .optional()
      .meta({ description: 'The 99th percentile of latency was above this, in any area: "> 2s for 10s".' }),
    'no-acks-for': someTime.optional().meta({ description: 'No write was acked anywhere for so long: 60s.' }),
    epochs: z
      .string({ error: 'expected a limit such as "> 3"' })
      .regex(/^> ?\d+$/, 'expected a limit such as "> 3"')
      .transform((text) => Number(text.slice(1)))
      .pipe(z.number().max(1e6, 'expected at most "> 1000000"'))
      .optional()
      .meta({ description: 'More epochs than this were taken since the drill began: "> 3".' }),
  })
  .refine((value) => Object.keys(value).length > 0, {
    message: 'expected at least one of success-rate, p99, no-acks-for, epochs',
  })
export type AbortConditions = z.infer<typeof abortConditions>

function lastDuration(text: string): number {
  return parseDuration(text.split(' ').at(-1) ?? '')
}

/** Operations per second of each area. */
const rateOfArea = ({ rate, from }: { readonly rate: number; readonly from: readonly string[] }): number =>
  rate / from.length

export const load = z
  .strictObject({
    /** Operations per second, summed over the areas; from text such as "100/s". */
    rate: z
      .string({ error: 'expected a rate such as "100/s"' })
      .regex(/^\d+(\.\d+)?\/s$/, 'expected a rate such as "100/s"')
      .transform((text) => Number.parseFloat(text))
      .refine((rate) => rate > 0 && rate <= mostPerSecond, {
        error: `expected a rate above 0/s and at most ${mostPerSecond}/s`,
        abort: true,
      })
      .meta({ description: 'Operations per second, summed over the areas: "100/s".' }),
    /** Share of reads, 0..1. */
    reads: share.default(0.5).meta({ description: 'The share of reads, 0 to 1.' }),
    from: z
      .array(z.enum(areas))
      .min(1, { error: 'expected one area at least', abort: true })
      .refine((from) => new Set(from).size === from.length, 'expected each area once')
      .default([...areas])
      .meta({ description: 'The client areas that the load comes from.' }),
    timeout: durationWithin(clientTimeoutMs)
      .default(3000)
      .meta({ description: 'After this time a client gives an operation up.' }),
  })
  .refine((load) => rateOfArea(load) <= mostPerSecondOfArea, {
    path: ['rate'],
    error: `expected at most ${mostPerSecondOfArea}/s from each area: a client sends no more`,
    abort: true,
  })
  .refine((load) => load.rate >= Number((leastPerSecondOfArea * load.from.length).toPrecision(12)), {
    path: ['rate'],
    error: `expected at least ${leastPerSecondOfArea}/s from each area: on less none is shown to be steady`,
  })
  .refine((load) => (rateOfArea(load) * load.timeout) / 1000 <= mostInFlight, {
    path: ['rate'],
    error: `expected a rate of each area and a time-out that leave at most ${mostInFlight} operations under way: each is a connection of one address`,
  })

export const parameterName = /^[a-z][a-z0-9-]*$/

export const runbook = z.strictObject({
  title: lineOfText.meta({ description: 'What is rehearsed, in one line.' }),
  parameters: z
    .record(z.string().regex(parameterName, 'expected a name of lower-case letters, digits and dashes'), parameter)
    .default({})
    .meta({ description: 'Values that ${name} stands for; `run --set name=value` changes one.' }),
  topology: topology.prefault({}).meta({ description: 'The world that the drill runs in.' }),
  objectives: objectives.default({}).meta({ description: 'What the drill must show; the verdict is about these.' }),
  load: load.meta({ description: 'What the clients do all the while.' }),
  'steady-state-hypothesis': hypothesis.meta({
    description: 'What well means here: the drill begins with it, and service counts as restored once it holds again.',
  }),
  'abort-when': abortConditions
    .optional()
    .meta({ description: 'Stop loss, looked at all the time: the drill ends, rolls back, heals, and has failed.' }),
  method: z
    .array(step)
    .min(1)
    .max(mostSteps, `expected at most ${mostSteps} steps`)
    .meta({ description: 'The steps, one after another.' }),
  rollback: z
    .array(rollbackStep)
    .default([])
    .meta({ description: 'Steps that always run at the end: after success, abort, a failed step, Ctrl-C.' }),
})
export type Runbook = z.infer<typeof runbook>
