// Small histories for tests: operations by a few words, and a whole record that passes.
import type { FaultRecord } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import { runbook } from '#protocol/runbook.ts'
import { lsnFromBigInt } from '#protocol/epoch.ts'
import type { Sample } from '#protocol/sample.ts'
import { regions, type Area, type Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { AckedWrite, ClientOperation } from './history.ts'
import { storeNames, type AreaLoad, type DrillRecord } from './record.ts'

export function ns(ms: number): string {
  return BigInt(Math.round(ms * 1e6)).toString()
}

export function write(sentMs: number, doneMs: number, epoch: number, more: Partial<ClientOperation> = {}): AckedWrite {
  const orderId = more.orderId ?? `order-${sentMs}-${epoch}-${more.area ?? 'na'}`
  return {
    area: 'na',
    kind: 'write',
    key: `key-${orderId}`,
    intendedMs: sentMs,
    sentMs,
    doneMs,
    outcome: 'ok',
    status: 201,
    region: epoch === 1 ? 'a' : 'b',
    ...more,
    orderId,
    epoch,
  }
}

export function toOperation(each: ClientOperation, seq: number): Operation {
  return {
    area: each.area,
    seq,
    kind: each.kind,
    key: each.key,
    intendedNs: ns(each.intendedMs),
    startedNs: ns(each.intendedMs),
    sentNs: ns(each.sentMs),
    doneNs: ns(each.doneMs),
    outcome: each.outcome,
    status: each.status,
    orderId: each.orderId,
    region: each.region,
    epoch: each.epoch,
    reason: null,
    shed: false,
  }
}

/** As a client numbers them: by area, in order of their intended times. */
export function numbered(operations: readonly ClientOperation[]): readonly Operation[] {
  const next = new Map<Area, number>()
  return operations
    .toSorted((left, right) => left.intendedMs - right.intendedMs)
    .map((each) => {
      const seq = next.get(each.area) ?? 0
      next.set(each.area, seq + 1)
      return toOperation(each, seq)
    })
}

/** Everything that was planned is there. */
export function loadOf(operations: readonly Operation[]): Readonly<Partial<Record<Area, AreaLoad>>> {
  const byArea = Map.groupBy(operations, ({ area }) => area)
  return Object.fromEntries(
    [...byArea].map(([area, { length }]) => [area, { planned: length, sent: length, reason: null }]),
  )
}

export const t0Ms = 5000
const endMs = 30_000
const healMs = 20_000
const failbackMs = 22_000

/** Three areas, a write every 100 ms each; region a is lost at 5 s, writes come back under epoch 2 at 6 s. */
export function goodOperations(): readonly ClientOperation[] {
  const areas: readonly Area[] = ['na', 'eu', 'ap']
  return areas.flatMap((area) =>
    Array.from({ length: endMs / 100 }, (_, index): ClientOperation => {
      const sentMs = index * 100
      const epoch = sentMs < t0Ms ? 1 : sentMs < failbackMs ? 2 : 3
      const region = epoch === 2 ? 'b' : 'a'
      const ack = write(sentMs, sentMs + 50, epoch, { area, region, orderId: `${area}-${index}` })
      const failed = sentMs >= t0Ms && sentMs < t0Ms + 1000
      if (!failed) return ack
      return { ...ack, outcome: 'unknown', status: 504, orderId: null, epoch: null, region: null }
    }),
  )
}

function event(
  atMs: number,
  site: string,
  kind: string,
  epoch: number,
  more: Partial<TimelineEvent> = {},
): TimelineEvent {
  return { atNs: ns(atMs), source: 'controller', site, kind, epoch, reason: kind, ...more }
}

/** One a second; region a is silent while it has no power, b is primary from epoch 2 on. */
export function goodSamples(): readonly Sample[] {
  return Array.from({ length: endMs / 1000 }, (_, second): Sample => {
    const atMs = second * 1000
    const primary = atMs < t0Ms + 900 || atMs >= failbackMs ? 'a' : 'b'
    const lsnAt = (bytes: number): string => lsnFromBigInt(BigInt(0x5000000 + second * 10_000 - bytes))
    const node = (region: Region, bytes: number): NonNullable<Sample['nodes'][Region]> => ({
      state: region === primary ? 'primary' : 'standby',
      epoch: atMs < t0Ms + 900 ? 1 : atMs < failbackMs ? 2 : 3,
      lsn: lsnAt(region === primary ? 0 : bytes),
      following: region === primary ? null : primary,
      streaming: region !== primary,
      epochCommitted: region === primary,
    })
    const isOut = atMs >= t0Ms && atMs < healMs
    return {
      atNs: ns(atMs),
      nodes: { ...(isOut ? {} : { a: node('a', 300) }), b: node('b', 400), c: node('c', 5000) },
      cut: isOut ? ['a>b', 'b>a'] : [],
      machine: { busyShare: 0.5, lateMs: 3 },
    }
  })
}

/** A record of a drill that passes; tests spoil it. */
/** What a drill finds when its load has ended, and nothing is wrong. */
export const allWell: Pick<DrillRecord, 'agreement' | 'checks'> = {
  agreement: storeNames.map((store) => ({ store, regions, rows: 1, differing: 0, differences: [], unread: null })),
  checks: [
    { name: 'nothing from outside', status: 'pass', reason: 'nobody' },
    { name: 'every store was read', status: 'pass', reason: 'all' },
    { name: 'the world equals a fresh one', status: 'pass', reason: 'it does' },
  ],
}

export function goodRecord(operations: readonly ClientOperation[] = goodOperations()): DrillRecord {
  const book = runbook.parse({
    title: 'A drill',
    topology: {},
    objectives: { rto: '8s', 'rto-first-write': '3s', rpo: '0s', 'failback-failed': 0 },
    load: { rate: '30/s', reads: 0 },
    'steady-state-hypothesis': { 'success-rate': '>= 99.9%', p99: '<= 500ms' },
    method: [
      { hold: '5s' },
      { fault: { id: 'outage', kind: 'power-loss', target: 'region a' } },
      { hold: '14s' },
      { heal: 'outage' },
      { action: 'failback' },
      { hold: '8s' },
    ],
  })
  const acked = operations.flatMap((each) => (each.outcome === 'ok' && each.orderId !== null ? [each] : []))
  const ids = new Set(acked.map((each) => each.orderId ?? ''))
  const keys = new Set(acked.map((each) => each.key))
  const step = (index: number, fromMs: number, toMs: number, kind: string, action: 'failback' | null = null) => ({
    at: `method[${index}]`,
    title: kind,
    kind,
    fromNs: ns(fromMs),
    toNs: ns(toMs),
    failed: null,
    action,
  })
  const recorded = numbered(operations)
  const inRegion = { orderIds: ids, eventIds: [...ids] }
  const projection = { orderIds: ids, applied: { count: ids.size, distinct: ids.size } }
  return {
    drill: 'drill-1',
    runbookName: 'a-drill',
    runbook: book,
    seed: 7,
    command: './firedrill run a-drill --seed 7',
    environment: {
      firedrill: { version: '0.1.0', commit: '0123456' },
      node: 'v24.0.0',
      machine: { processors: 4, processorModel: 'A processor', memoryBytes: 8e9, kernel: 'Linux 6', arch: 'x64' },
      docker: null,
      images: { 'postgres.a': 'firedrill-postgres:0123' },
    },
    world: 'test',
    startedAt: '2026-01-01T00:00:00.000Z',
    originNs: 0n,
    endNs: BigInt(ns(endMs + 1000)),
    load: { fromNs: 0n, toNs: BigInt(ns(endMs)), areas: loadOf(recorded) },
    epochBefore: { epoch: 1, region: 'a' },
    operations: recorded,
    events: [
      event(t0Ms + 300, 'b', 'suspect', 1),
      event(t0Ms + 400, 'b', 'epoch-taken', 2),
      event(t0Ms + 600, 'b', 'fenced', 2),
      event(t0Ms + 900, 'b', 'promoted', 2, { detail: { region: 'b' } }),
      event(failbackMs - 50, 'a', 'epoch-taken', 3),
      event(failbackMs - 35, 'a', 'fenced', 3),
      event(failbackMs - 20, 'a', 'promoted', 3, { detail: { region: 'a' } }),
    ],
    samples: goodSamples(),
    exports: [],
    faults: [
      {
        id: 'outage',
        kind: 'power-loss',
        target: 'region a',
        background: false,
        outside: false,
        firstNs: ns(t0Ms),
        lastNs: ns(t0Ms + 900),
        proof: 'dead',
        healedNs: ns(healMs + 1000),
        healProof: 'alive',
        healBeganNs: ns(healMs),
        momentary: false,
        endedNs: null,
        endedBy: null,
        blindMs: 0,
      },
    ],
    steps: [
      step(0, 0, t0Ms, 'hold'),
      step(1, t0Ms, t0Ms + 1000, 'fault'),
      step(2, t0Ms + 1000, healMs, 'hold'),
      step(3, healMs, healMs + 1000, 'heal'),
      step(4, failbackMs - 100, failbackMs, 'action', 'failback'),
      step(5, failbackMs, endMs, 'hold'),
    ],
    finalReads: {
      postgres: { ids, keys },
      kafka: new Map([
        ['a', inRegion],
        ['b', inRegion],
        ['c', inRegion],
      ]),
      redis: new Map([
        ['a', projection],
        ['b', projection],
        ['c', projection],
      ]),
    },
    ...allWell,
    stalls: [],
    unheard: [],
    wanBytes: 1000,
    interruption: null,
  }
}

/** Operations at equal distances: every one fails where `out` says so, and epochs begin where they are stated. */
export function regularOperations(options: {
  readonly everyMs: number
  readonly endMs: number
  readonly areas?: readonly Area[]
  readonly out?: readonly (readonly [fromMs: number, toMs: number])[]
  /** From when on each epoch acks; the first is 1. */
  readonly epochs?: readonly number[]
  readonly kind?: (index: number) => 'write' | 'read'
}): readonly ClientOperation[] {
  const { everyMs, endMs, areas = ['na', 'eu', 'ap'], out = [], epochs = [], kind = () => 'write' } = options
  return areas.flatMap((area, place) =>
    Array.from({ length: Math.floor(endMs / everyMs) }, (_, index): ClientOperation => {
      const sentMs = index * everyMs + place
      const epoch = 1 + epochs.filter((at) => at <= sentMs).length
      const done = write(sentMs, sentMs + 50, epoch, {
        area,
        orderId: `${area}-${index}`,
        region: epoch % 2 ? 'a' : 'b',
      })
      if (out.some(([fromMs, toMs]) => sentMs >= fromMs && sentMs < toMs))
        return { ...done, kind: kind(index), outcome: 'unknown', status: 504, orderId: null, epoch: null, region: null }
      return { ...done, kind: kind(index) }
    }),
  )
}

type Method = readonly Record<string, unknown>[]

/** A record of a drill of these steps, each begun when stated; faults are in force from their step to their heal. */
export function recordOf(
  plan: readonly (readonly [atMs: number, step: Record<string, unknown>])[],
  operations: readonly ClientOperation[],
  more: {
    readonly objectives?: Record<string, unknown>
    readonly load?: Record<string, unknown>
    readonly endMs?: number
  } = {},
): DrillRecord {
  const endMs = more.endMs ?? Math.ceil(Math.max(0, ...operations.map(({ intendedMs }) => intendedMs)) / 1000) * 1000
  const good = goodRecord(operations)
  const method: Method = plan.map(([, step]) => step)
  const book = runbook.parse({
    title: 'A drill',
    objectives: more.objectives ?? {},
    load: { rate: '30/s', ...more.load },
    'steady-state-hypothesis': { 'success-rate': '>= 99%', p99: '<= 500ms' },
    method,
  })
  const healedMs = (id: string): number | null => plan.find(([, step]) => step['heal'] === id)?.[0] ?? null
  const [template] = good.faults
  if (template === undefined) throw new Error('the good record has a fault')
  return {
    ...good,
    runbook: book,
    events: [],
    endNs: BigInt(ns(endMs + 1000)),
    load: { fromNs: 0n, toNs: BigInt(ns(endMs)), areas: good.load?.areas ?? {} },
    steps: plan.map(([atMs, step], index) => {
      const action = step['action']
      const kind = typeof action === 'object' && action !== null ? Reflect.get(action, 'kind') : action
      return {
        at: `method[${index}]`,
        title: Object.keys(step)[0] ?? '',
        kind: Object.keys(step)[0] ?? '',
        fromNs: ns(atMs),
        toNs: ns(plan[index + 1]?.[0] ?? endMs),
        failed: null,
        action: (kind as 'failback' | undefined) ?? null,
      }
    }),
    faults: book.method.flatMap(({ fault }, index): FaultRecord[] => {
      if (fault === undefined) return []
      const atMs = plan[index]?.[0] ?? 0
      const endsMs = healedMs(fault.id)
      const healNs = endsMs === null ? null : ns(endsMs)
      return [
        {
          ...template,
          id: fault.id,
          kind: fault.kind,
          target: fault.target,
          background: fault.background,
          firstNs: ns(atMs),
          lastNs: ns(atMs),
          healBeganNs: healNs,
          healedNs: healNs === null ? null : ns((endsMs ?? 0) + 500),
        },
      ]
    }),
  }
}
