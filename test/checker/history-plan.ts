// What happens in a generated drill, drawn from a seed: load, faults, orders, outages with their true spans, epochs. Times in ns.
import { createRandom } from '#runtime/random.ts'
import { areas as allAreas, regions, type Area, type Region } from '#protocol/sites.ts'
import type { Span } from './collected.ts'

export const second = 1e9

/** `fail`: refused at once; `hang`: nothing answers until the timeout; `hold`: answered once it is over. */
export type OutageMode = 'fail' | 'hang' | 'hold'

export interface Outage extends Span {
  readonly area: Area
  readonly mode: OutageMode
  /** Reads are served all the while. */
  readonly writesOnly: boolean
}

export interface PlannedFault {
  readonly id: string
  readonly at: number
  readonly background: boolean
  readonly healAt: number
  readonly endedAt: number | null
}

export interface PlannedCause {
  /** `outside`: somebody else's fault, which the runbook knows nothing of. */
  readonly kind: 'fault' | 'outside' | 'switchover' | 'failover' | 'failback'
  readonly t0: number
  /** Those of the row, background ones among them; none of an order, one of `outside`. */
  readonly faults: readonly PlannedFault[]
  readonly outages: readonly Outage[]
  readonly changesEpoch: boolean
  readonly isEndless: boolean
}

export interface EpochPlanned {
  readonly epoch: number
  readonly region: Region
  readonly at: number
}

export interface HistoryPlan {
  readonly seed: number
  readonly areas: readonly Area[]
  /** Operations per second, summed over the areas. */
  readonly rate: number
  readonly reads: number
  readonly successRate: number
  readonly p99Ms: number
  readonly timeout: number
  readonly end: number
  readonly causes: readonly PlannedCause[]
  readonly background: readonly PlannedFault[]
  readonly epochs: readonly EpochPlanned[]
  /** Times are rounded to it: the coarser, the more operations share one. */
  readonly grid: number
  /** The share of operations that fail or are slow for no reason. */
  readonly noise: number
  readonly isParallel: boolean
  /** An outage that nothing of the method explains. */
  readonly breakdown: Span | null
  /** One long after the last cause, which must not be told to be that cause's. */
  readonly aftermath: Span | null
}

/** Of the area that is out for the longest, in ns. Readers don't see an outage of writes. */
export function outageLength({ reads }: HistoryPlan, { outages }: PlannedCause): number {
  const seen = outages.filter(({ writesOnly }) => reads < 1 || !writesOnly)
  return Math.max(0, ...seen.map(({ from, to }) => to - from))
}

export class Draw {
  readonly #random: () => number
  constructor(seed: number, stream: number) {
    this.#random = createRandom(seed, stream)
  }
  share(): number {
    return this.#random()
  }
  between(low: number, high: number): number {
    return low + this.#random() * (high - low)
  }
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1))
  }
  chance(share: number): boolean {
    return this.#random() < share
  }
  one<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)] as Value
  }
  /** At most `count` of them, in their order. */
  some<Value>(values: readonly Value[], count: number): readonly Value[] {
    const left = [...values.keys()]
    const taken = Array.from({ length: Math.min(count, left.length) }, () =>
      left.splice(Math.floor(this.#random() * left.length), 1),
    ).flat()
    return taken.sort((first, other) => first - other).map((index) => values[index] as Value)
  }
}

interface Frame {
  readonly draw: Draw
  readonly areas: readonly Area[]
  readonly end: number
}

function drawOutages({ draw, areas, end }: Frame, t0: number, next: number, isEndless: boolean): readonly Outage[] {
  if (!isEndless && draw.chance(0.15)) return []
  const outlasts = draw.chance(0.15)
  const longest = Math.min(outlasts ? (next - t0) * 1.3 : (next - t0) * 0.6, 9 * second)
  const length = draw.between(0.05, 1) * longest
  const mode = draw.one<OutageMode>(['fail', 'hang', 'hold'])
  const writesOnly = draw.chance(0.2)
  const hit = draw.chance(0.25) ? draw.some(areas, 1) : areas
  return hit.map((area) => {
    const from = t0 + draw.between(0, 0.3) * second
    const to = isEndless ? end + 60 * second : from + length * draw.between(0.7, 1)
    return { area, mode, writesOnly, from: Math.round(from), to: Math.round(to) }
  })
}

function drawFaults({ draw, end }: Frame, index: number, t0: number, next: number): readonly PlannedFault[] {
  const count = draw.one([1, 1, 1, 2, 3])
  let at = t0
  return Array.from({ length: count }, (_, place) => {
    if (place > 0) at += Math.round(draw.between(0.05, 0.9) * second)
    const late = draw.chance(0.15)
    const healAt = late ? end + second : Math.round(at + draw.between(0.3, 1.15) * (next - at))
    const endedAt = draw.chance(0.1) ? Math.round(at + draw.between(0.3, 0.9) * (healAt - at)) : null
    return { id: `f${index}-${place}`, at, background: place > 0 && draw.chance(0.4), healAt, endedAt }
  })
}

function drawCauses(frame: Frame, count: number): readonly PlannedCause[] {
  const { draw, end } = frame
  const begin = (draw.chance(0.1) ? draw.between(11, 12) : draw.between(5, 7)) * second
  const step = (end - begin) / count
  const t0s = Array.from({ length: count }, (_, index) => Math.round(begin + (index + draw.between(0, 0.15)) * step))
  const hasEndless = draw.chance(0.12)
  return t0s.map((t0, index) => {
    const next = t0s[index + 1] ?? end
    const isEndless = hasEndless && index === count - 1
    const kind = draw.chance(0.6) ? 'fault' : draw.one(['switchover', 'failover', 'failback'] as const)
    return {
      kind,
      t0,
      faults: kind === 'fault' ? drawFaults(frame, index, t0, next) : [],
      outages: drawOutages(frame, t0, next, isEndless),
      changesEpoch: draw.chance(0.65),
      isEndless,
    }
  })
}

/** An epoch comes into force when the first area is back, or soon after t0 where none was out. */
function epochsOf(causes: readonly PlannedCause[], end: number, draw: Draw): readonly EpochPlanned[] {
  const epochs: EpochPlanned[] = [{ epoch: 1, region: 'a', at: -second }]
  for (const { t0, outages, changesEpoch } of causes) {
    const last = epochs.at(-1)
    const back = Math.min(...outages.map(({ to }) => to))
    const at = Math.round(outages.length === 0 ? t0 + draw.between(0.1, 0.5) * second : back)
    if (!changesEpoch || last === undefined || at <= last.at || at >= end) continue
    const region = draw.one(regions.filter((each) => each !== last.region))
    epochs.push({ epoch: last.epoch + draw.one([1, 1, 1, 2]), region, at })
  }
  return epochs
}

function drawBackground({ draw, end }: Frame, count: number): readonly PlannedFault[] {
  return Array.from({ length: count }, (_, place) => {
    const at = Math.round(draw.between(1, 4) * second)
    return { id: `b${place}`, at, background: true, healAt: Math.round(draw.between(at, end)), endedAt: null }
  })
}

/** Long enough to be seen at this rate, and far from what the method does; null where there is no room for it. */
function drawBreakdown({ draw, end }: Frame, causes: readonly PlannedCause[], rate: number): Span | null {
  const t0 = causes[0]?.t0 ?? end
  if (t0 < 10 * second || rate < 15) return null
  return { from: Math.round(draw.between(4, 5) * second), to: Math.round(t0 - draw.between(3.5, 4) * second) }
}

/** After all outages of the method have been over for more than half a minute. Its load goes on a little after it. */
function drawAftermath(draw: Draw, end: number, rate: number, causes: readonly PlannedCause[]): Span | null {
  if (!draw.chance(0.2) || rate < 15 || rate > 30 || causes.some(({ isEndless }) => isEndless)) return null
  const from = Math.round(end + draw.between(46, 60) * second)
  return { from, to: Math.round(from + draw.between(3.5, 6) * second) }
}

/** It may change the epoch as well. */
function withAftermath(epochs: readonly EpochPlanned[], aftermath: Span | null, draw: Draw): readonly EpochPlanned[] {
  const last = epochs.at(-1)
  if (aftermath === null || last === undefined || draw.chance(0.5)) return epochs
  const region = draw.one(regions.filter((each) => each !== last.region))
  return [...epochs, { epoch: last.epoch + 1, region, at: aftermath.to }]
}

/** Some of the faults are not the drill's. */
function withOutside(causes: readonly PlannedCause[], draw: Draw): readonly PlannedCause[] {
  return causes.map((cause) =>
    cause.kind === 'fault' && draw.chance(0.12)
      ? {
          ...cause,
          kind: 'outside',
          faults: cause.faults.slice(0, 1).map((fault) => ({ ...fault, background: false, endedAt: null })),
        }
      : cause,
  )
}

export function drawPlan(seed: number): HistoryPlan {
  const draw = new Draw(seed, 1)
  const rate = draw.one([1, 2, 3, 4, 6, 10, 10, 15, 20, 20, 30, 50, 100])
  const end = Math.round((rate < 40 ? draw.between(24, 45) : draw.between(18, 24)) * second)
  const areas = draw.some(allAreas, draw.one([1, 2, 3, 3, 3]))
  const frame = { draw, areas, end }
  const causes = withOutside(drawCauses(frame, draw.one([1, 2, 2, 3])), new Draw(seed, 4))
  const own = causes.filter(({ kind }) => kind !== 'outside')
  const orders = own.filter(({ kind }) => kind !== 'fault').length
  const later = new Draw(seed, 2)
  const aftermath = drawAftermath(later, end, rate, causes)
  return {
    seed,
    areas,
    rate,
    reads: draw.one([0, 0.3, 0.5, 0.5, 0.8, draw.chance(0.4) ? 1 : 0.5]),
    successRate: draw.one([99.9, 99, 99, 95, 80]),
    p99Ms: draw.one([300, 500, 500, 1000]),
    timeout: draw.one([1.5, 3]) * second,
    end: aftermath === null ? end : aftermath.to + Math.round(later.between(2, 12) * second),
    causes,
    background: drawBackground(frame, draw.one([0, 0, 0, 1, 2])),
    epochs: withAftermath(epochsOf(causes, end, draw), aftermath, later),
    grid: draw.chance(0.15) ? 50e6 : 1,
    noise: draw.chance(0.25) ? 0.03 : 0,
    isParallel: orders === 0 && own.length > 1 && draw.chance(0.3),
    breakdown: drawBreakdown(frame, causes, rate),
    aftermath,
  }
}
