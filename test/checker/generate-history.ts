// Whole records of drills from a seed, with faults planted in them, and what is true of each.
import { runbook as runbookShape, type Runbook } from '#protocol/runbook.ts'
import type { FaultRecord } from '#protocol/journal.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { allWell } from '#gameday/measure/histories.ts'
import type { DrillRecord, FinalReads, StepTaken } from '#gameday/measure/record.ts'
import { inside, makeOperations, toLine, type ClientTrouble, type MadeOperation } from './history-operations.ts'
import {
  Draw,
  drawPlan,
  outageLength,
  second,
  type HistoryPlan,
  type PlannedCause,
  type PlannedFault,
} from './history-plan.ts'
import {
  drawTrouble,
  isMadeAck,
  plantAll,
  plantedKinds,
  type Draft,
  type Planted,
  type PlantedKind,
} from './planted.ts'

export interface History {
  readonly record: DrillRecord
  readonly plan: HistoryPlan
  readonly planted: readonly Planted[]
  readonly origin: bigint
  /** False: operations fail for no reason here and there. */
  readonly isClean: boolean
}

interface Action {
  readonly at: number
  readonly steps: readonly { readonly spec: Record<string, unknown>; readonly action: StepTaken['action'] }[]
}

const faultWords = { kind: 'process-kill', target: 'app.a' }

function faultStep(fault: PlannedFault): Action['steps'][number] {
  return { spec: { fault: { id: fault.id, background: fault.background, ...faultWords } }, action: null }
}

function causeAction({ kind, t0, faults }: PlannedCause): Action {
  if (kind === 'fault') return { at: t0, steps: faults.map((fault) => faultStep(fault)) }
  if (kind === 'outside') return { at: t0, steps: [] }
  const words = kind === 'switchover' ? { kind, to: 'b' } : { kind }
  return { at: t0, steps: [{ spec: { action: words }, action: kind }] }
}

/** Those that the runbook injects. */
function ownCauses({ causes }: HistoryPlan): readonly PlannedCause[] {
  return causes.filter(({ kind }) => kind !== 'outside')
}

function healActions(faults: readonly PlannedFault[], end: number): readonly Action[] {
  return faults
    .filter(({ healAt }) => healAt < end)
    .map(({ id, healAt }) => ({ at: healAt, steps: [{ spec: { heal: id }, action: null }] }))
}

const held = (from: number, to: number): Record<string, unknown> => ({
  hold: `${Math.max(1, Math.round((to - from) / 1e6))}ms`,
})

/** The actions in order of time, with a hold before each. */
function methodOf(actions: readonly Action[]): readonly Record<string, unknown>[] {
  let before = 0
  return actions
    .toSorted((left, right) => left.at - right.at)
    .flatMap(({ at, steps }) => {
      const hold = held(before, at)
      before = at
      return [hold, ...steps.map(({ spec }) => spec)]
    })
}

function runbookOf(plan: HistoryPlan): Runbook {
  const { background, end } = plan
  const causes = ownCauses(plan)
  const own = background.flatMap((fault) => [{ at: fault.at, steps: [faultStep(fault)] }, ...healActions([fault], end)])
  const branches = causes.map((cause) => [causeAction(cause), ...healActions(cause.faults, end)])
  const method = plan.isParallel
    ? [...methodOf(own), { parallel: branches.map((branch) => [...methodOf(branch), { hold: '1s' }]) }]
    : methodOf([...own, ...branches.flat()])
  return runbookShape.parse({
    title: `History ${plan.seed}`,
    objectives: { rto: '10s', rpo: '0s', 'longest-gap': '12s' },
    load: { rate: `${plan.rate}/s`, reads: plan.reads, from: [...plan.areas] },
    'steady-state-hypothesis': { 'success-rate': `>= ${plan.successRate}%`, p99: `<= ${plan.p99Ms}ms` },
    method: [...method, { hold: '5s' }],
  })
}

type Ns = (at: number) => string

function stepsOf(plan: HistoryPlan, ns: Ns): readonly StepTaken[] {
  const { background, end } = plan
  const causes = ownCauses(plan)
  const faults = causes.flatMap((cause) => cause.faults)
  const own = background.map((fault) => ({ at: fault.at, steps: [faultStep(fault)] }))
  const actions = [
    ...own,
    ...causes.map((cause) => causeAction(cause)),
    ...healActions([...faults, ...background], end),
  ]
  return actions
    .toSorted((left, right) => left.at - right.at)
    .flatMap(({ at, steps }) =>
      steps.map(({ spec, action }) => {
        const kind = Object.keys(spec)[0] ?? ''
        return { at: '', title: kind, kind, fromNs: ns(at), toNs: ns(at + second), failed: null, action }
      }),
    )
}

function faultsOf({ causes, background }: HistoryPlan, ns: Ns): readonly FaultRecord[] {
  const outside = new Set(causes.filter(({ kind }) => kind === 'outside').flatMap(({ faults }) => faults))
  return [...causes.flatMap(({ faults }) => faults), ...background].map((fault) => ({
    id: outside.has(fault) ? `docker-kill.${fault.id}` : fault.id,
    ...faultWords,
    background: fault.background,
    outside: outside.has(fault),
    firstNs: ns(fault.at),
    lastNs: ns(fault.at + 20e6),
    proof: 'gone',
    healedNs: ns(fault.healAt + 0.5 * second),
    healProof: 'back',
    healBeganNs: ns(fault.healAt),
    momentary: false,
    endedNs: fault.endedAt === null ? null : ns(fault.endedAt),
    endedBy: fault.endedAt === null ? null : 'somebody',
    blindMs: 0,
  }))
}

function eventsOf({ epochs }: HistoryPlan, ns: Ns): readonly TimelineEvent[] {
  return epochs.slice(1).flatMap(({ epoch, region, at }) =>
    ['epoch-taken', 'fenced', 'promoted'].map((kind) => ({
      atNs: ns(at),
      source: 'controller' as const,
      site: region,
      kind,
      epoch,
      reason: kind,
      detail: { region },
    })),
  )
}

function finalReadsOf(draft: Draft, everything: readonly MadeOperation[]): FinalReads {
  const acked = [...everything, ...draft.operations].filter((each) => isMadeAck(each))
  const present = acked.filter(({ orderId }) => !draft.lostEverywhere.has(orderId ?? ''))
  const ids = new Set(present.map(({ orderId }) => orderId ?? ''))
  const keys = new Set([...present.map(({ key }) => key), ...draft.refusedKeys])
  const idsIn = (store: 'kafka' | 'redis', region: Region): ReadonlySet<string> =>
    draft.lostIn.store === store && draft.lostIn.region === region ? ids.difference(draft.lostIn.ids) : ids
  const twice = (region: Region): number => (draft.eventsTwice?.region === region ? draft.eventsTwice.count : 0)
  const kafka = regions.map((region) => {
    const orderIds = idsIn('kafka', region)
    const events = [...orderIds].map((id) => `event-${id}`)
    const again = Array.from({ length: events.length === 0 ? 0 : twice(region) }, () => events[0] ?? '')
    return [region, { orderIds, eventIds: [...events, ...again] }] as const
  })
  const redis = regions.map((region) => {
    const orderIds = idsIn('redis', region)
    return [region, { orderIds, applied: { count: orderIds.size + twice(region), distinct: orderIds.size } }] as const
  })
  return {
    postgres: draft.unread === 'postgres' ? null : { ids, keys },
    kafka: draft.unread === 'kafka' ? null : new Map(kafka),
    redis: draft.unread === 'redis' ? null : new Map(redis),
  }
}

/**
 * What the plan itself brings along of the kinds. An outage counts where it must be seen: with operations enough, none of which fails
 * for no reason, and a share of them that the hypothesis does not allow.
 */
function plantedByPlan(plan: HistoryPlan, made: readonly MadeOperation[], trouble: ClientTrouble): readonly Planted[] {
  const late = made.filter(
    (each) => !each.shed && trouble.late?.area === each.area && inside(each.intended, trouble.late),
  ).length
  const shed = made.filter((each) => each.shed).length
  const [first = 0, other = 0] = plan.causes.map((cause) => outageLength(plan, cause))
  const isPlain = plan.noise === 0 && plan.successRate >= 99 && plan.rate >= 10 && late + shed === 0
  const isWorse = isPlain && plan.rate >= 20 && !plan.causes[1]?.isEndless && other > 2 * first + 3 * second
  const endless = plan.causes.filter(
    (each) => isPlain && each.isEndless && outageLength({ ...plan, reads: 1 }, each) > 0,
  ).length
  const ended = plan.causes.flatMap(({ faults }) => faults).filter(({ endedAt }) => endedAt !== null).length
  const found: readonly (readonly [PlantedKind, number])[] = [
    ['late client', late],
    ['shed', shed],
    ['ties', plan.grid > 1 ? 1 : 0],
    ['second incident worse', isWorse ? 1 : 0],
    ['endless outage', endless],
    ['fault ended early', ended],
    ['fault from outside', plan.causes.filter(({ kind }) => kind === 'outside').length],
    ['unexplained outage', plan.breakdown !== null && plan.noise === 0 && late + shed === 0 ? 1 : 0],
    ['outage long after', plan.aftermath !== null && plan.noise === 0 && late + shed === 0 ? 1 : 0],
  ]
  return found.filter(([, count]) => count > 0).map(([kind, count]) => ({ kind, count }))
}

function drawKinds(draw: Draw): ReadonlySet<PlantedKind> {
  return new Set(draw.some(plantedKinds, draw.one([0, 1, 2, 3, 4])))
}

function draftOf(plan: HistoryPlan, operations: readonly MadeOperation[], draw: Draw): Draft {
  return {
    plan,
    operations,
    keep: new Set(),
    lostEverywhere: new Set(),
    lostIn: { store: draw.one(['kafka', 'redis'] as const), region: draw.one(regions), ids: new Set() },
    eventsTwice: null,
    refusedKeys: new Set(),
    unread: null,
    stalls: [],
  }
}

function recordOf(plan: HistoryPlan, draft: Draft, made: readonly MadeOperation[], origin: bigint): DrillRecord {
  const { seed, end, areas } = plan
  const ns: Ns = (at) => (origin + BigInt(Math.round(at))).toString()
  const planned = (area: string): number => made.filter((each) => each.area === area).length
  const load = areas.map((area) => [area, { planned: planned(area), sent: planned(area), reason: null }])
  return {
    drill: `history-${seed}`,
    runbookName: 'history',
    runbook: runbookOf(plan),
    seed,
    command: null,
    environment: null,
    world: 'history',
    startedAt: '2026-01-01T00:00:00.000Z',
    originNs: origin,
    endNs: origin + BigInt(end) + 2_000_000_000n,
    load: { fromNs: origin, toNs: origin + BigInt(end), areas: Object.fromEntries(load) },
    epochBefore: { epoch: 1, region: 'a' },
    operations: draft.operations.map((each) => toLine(each, origin)),
    events: eventsOf(plan, ns),
    samples: [],
    exports: [],
    faults: faultsOf(plan, ns),
    steps: stepsOf(plan, ns),
    finalReads: finalReadsOf(draft, made),
    ...allWell,
    stalls: draft.stalls.map(({ from, to }) => ({
      part: 'machine',
      kind: 'suspend',
      fromNs: ns(from),
      toNs: ns(to),
      ms: (to - from) / 1e6,
    })),
    unheard: [],
    wanBytes: null,
    interruption: null,
  }
}

/** The record of a plan, with these kinds planted in it where there is room for them. */
export function historyOf(plan: HistoryPlan, kinds: ReadonlySet<PlantedKind>): History {
  const draw = new Draw(plan.seed, 2)
  const origin = 1_000_000_000n * BigInt(draw.whole(1, 100_000))
  const trouble = drawTrouble(plan, kinds, draw)
  const made = makeOperations(plan, trouble)
  const before = draftOf(
    plan,
    made.toSorted((left, right) => left.done - right.done),
    draw,
  )
  const { draft, planted } = plantAll(before, kinds, draw)
  return {
    record: recordOf(plan, draft, made, origin),
    plan,
    planted: [...plantedByPlan(plan, made, trouble), ...planted],
    origin,
    isClean: plan.noise === 0,
  }
}

export function generateHistory(seed: number): History {
  return historyOf(drawPlan(seed), drawKinds(new Draw(seed, 3)))
}
