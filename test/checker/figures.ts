// All figures of a drill by their names, computed from its files by the definitions of docs/measuring.md and nothing else.
import { causesOf } from './causes.ts'
import { collectArea, collectUnplanned } from './collected.ts'
import { isAck, nanoseconds, type Ack, type DrillFiles, type StepOfMethod } from './files.ts'
import { breaksDown, incidentFigures, isGapUnsure, type Drill, type IncidentFigures } from './incidents.ts'
import { longestGap } from './gaps.ts'
import { duplicates, incidentOf, isWholeRead, lostWrites, sharedIds, splitBrain, stores, windowOf } from './loss.ts'

/** By the figure's name. Counts, or times in ms; null: unknown or not measured. */
export interface Figures {
  readonly values: Readonly<Record<string, number | null>>
  /** What was found all the same of a figure that is unknown since operations are missing. */
  readonly atLeast: Readonly<Record<string, number>>
  /** Lost order ids of Postgres. */
  readonly lostIds: readonly string[]
}

const longestBlindMs = 10_000

type Values = Record<string, number | null>

const ms = (ns: number): number => ns / 1e6

/** @throws Error if the record has no load: there is nothing to measure then */
export function lookAt(files: DrillFiles): Drill {
  const { record } = files
  if (record.load === null) throw new Error('expected a record with a load, saw none: the drill measured nothing')
  const origin = BigInt(record.originNs)
  const load = { from: nanoseconds(record.load.fromNs, origin), to: nanoseconds(record.load.toNs, origin) }
  const planned = record.load.areas
  const areas = new Map(
    Object.entries(planned).map(([area, word]) => [area, collectArea(area, word.planned, files, load)]),
  )
  for (const [area, lines] of Map.groupBy(files.operations, (line) => line.area))
    if (planned[area] === undefined) areas.set(area, collectUnplanned(lines.length, load))
  const operations = [...areas.values()].flatMap((area) => area.operations)
  const acks = operations.filter((op) => isAck(op))
  const hypothesis = record.runbook['steady-state-hypothesis']
  return {
    files,
    load,
    thresholds: { successRate: hypothesis['success-rate'], p99: hypothesis.p99 * 1e6 },
    areas,
    operations,
    acks,
    causes: causesOf(files, load.to),
    lostIds: new Set((lostWrites('postgres', acks, files.finalReads) ?? []).map(({ orderId }) => orderId)),
  }
}

/** `fault@12000000`: what began it, and its t0 in the clock of the record. */
export function incidentName(cause: string, t0Ns: string): string {
  return `incident ${cause}@${t0Ns}`
}

function lossValues(
  drill: Drill,
  isComplete: boolean,
): { readonly values: Values; readonly atLeast: Record<string, number> } {
  const values: Values = {}
  const atLeast: Record<string, number> = {}
  for (const store of stores) {
    const lost = drill.acks.length === 0 ? null : lostWrites(store, drill.acks, drill.files.finalReads)
    const isWhole = isComplete && isWholeRead(store, drill.files.finalReads)
    if (isWhole || lost === null) values[`rpo.${store}.lostCount`] = lost?.length ?? null
    else {
      values[`rpo.${store}.lostCount`] = null
      if (lost.length > 0) atLeast[`rpo.${store}.lostCount`] = lost.length
    }
    const byCause = Map.groupBy(lost ?? [], (each) => incidentOf(each, drill.acks, drill.causes))
    const isKnown = isWhole && lost !== null
    for (const cause of drill.causes) {
      const name = incidentName(cause.cause, cause.t0Ns)
      const mine = byCause.get(cause) ?? []
      values[`${name} rpo.${store}.lostCount`] = isKnown ? mine.length : null
      values[`${name} rpo.${store}.windowMs`] = isKnown ? ms(windowOf(mine, cause.t0)) : null
    }
    const windows = [...byCause].map(([cause, mine]) => (cause === undefined ? null : ms(windowOf(mine, cause.t0))))
    values[`rpo.${store}.windowMs`] =
      !isKnown || windows.includes(null) ? null : Math.max(0, ...windows.map((each) => each ?? 0))
  }
  return { values, atLeast }
}

function ackValues(
  acks: readonly Ack[],
  isComplete: boolean,
): { readonly values: Values; readonly atLeast: Record<string, number> } {
  const found = { 'splitBrain.count': splitBrain(acks), 'shared order ids': sharedIds(acks) }
  if (isComplete && acks.length > 0) return { values: found, atLeast: {} }
  return {
    values: Object.fromEntries(Object.keys(found).map((name) => [name, null])),
    atLeast: Object.fromEntries(Object.entries(found).filter(([, count]) => count > 0)),
  }
}

function collectionValues({ areas }: Drill): Values {
  return Object.fromEntries(
    [...areas].flatMap(([name, area]) => [
      [`collection.${name}.planned`, area.planned],
      [`collection.${name}.collected`, area.operations.length],
      [`collection.${name}.missing`, area.missing],
      [`collection.${name}.repeated`, area.repeated],
      [`collection.${name}.outside`, area.outside],
      [`collection.${name}.late`, area.late],
      [`collection.${name}.shed`, area.shed],
    ]),
  )
}

function incidentValues({ cause, areas, restored, firstWrite, gap, failed, until }: IncidentFigures): Values {
  const name = incidentName(cause.cause, cause.t0Ns)
  const values: Values = {
    [`${name} untilMs`]: ms(until),
    [`${name} firstWriteMs`]: firstWrite === null ? null : ms(firstWrite.at),
    [`${name} firstWriteResolutionMs`]: firstWrite === null ? null : ms(firstWrite.resolution),
    [`${name} longestGapMs`]: gap === null ? null : ms(gap.at),
    [`${name} longestGapResolutionMs`]: gap === null ? null : ms(gap.resolution),
    [`${name} longestGapOpen`]: Number(gap?.isOpen === true),
    [`${name} failed`]: failed,
  }
  for (const [where, each] of [
    ['', restored] as const,
    ...[...areas].map(([area, it]) => [`areas.${area}.`, it] as const),
  ]) {
    values[`${name} ${where}restoredMs`] = each?.kind === 'time' ? ms(each.at) : null
    values[`${name} ${where}resolutionMs`] = each?.kind === 'time' ? ms(each.resolution) : null
    values[`${name} ${where}stillOutMs`] = each?.kind === 'out' ? ms(each.atLeast) : null
  }
  return values
}

function outageValues(drill: Drill): Values {
  const gap = longestGap(drill.operations, drill.load, drill.load.to)
  const isMissing = gap !== null && isGapUnsure(drill, gap)
  const known = isMissing ? null : gap
  return {
    'outage.longestMs': known === null ? null : ms(known.to - known.from),
    'outage.resolutionMs': known === null ? null : ms(known.resolution),
    'outage.open': known === null ? null : Number(known.isOpen),
  }
}

function requestValues({ operations }: Drill, isComplete: boolean): Values {
  const count = (outcome: string): number | null =>
    isComplete ? operations.filter((op) => op.outcome === outcome).length : null
  return { 'requests.ok': count('ok'), 'requests.failed': count('failed'), 'requests.unknown': count('unknown') }
}

/** Writes that were answered as not done, and whose keys the final primary has. */
function refusedButPresent({ operations, files }: Drill): number {
  const keys = new Set(files.finalReads.postgres?.keys)
  return operations.filter((op) => op.isWrite && op.outcome === 'failed' && keys.has(op.key)).length
}

/** Ids that a step, or one inside of it, heals. */
function healsOf(steps: readonly StepOfMethod[]): readonly string[] {
  return steps.flatMap(({ heal, parallel }) => [
    ...(heal === undefined ? [] : [heal]),
    ...(parallel ?? []).flatMap((each) => healsOf('length' in each ? each : [each])),
  ])
}

/** Null: none is known to have ended, and one could not be watched for too long, or was never shown to be whole. */
function endedEarly({ record: { faults, runbook } }: DrillFiles): number | null {
  const healed = new Set(healsOf([...runbook.method, ...(runbook.rollback ?? [])]))
  const lasting = faults.filter(({ momentary }) => momentary !== true)
  const unproven = faults.filter(({ firstNs, endedNs }) => endedNs === firstNs)
  const early = lasting.filter((fault) => {
    const { id, endedNs, endedBy, healBeganNs } = fault
    if (endedNs === null || unproven.includes(fault)) return false
    if (healBeganNs !== null && BigInt(healBeganNs) <= BigInt(endedNs)) return false
    return healed.has(id) || endedBy?.startsWith('its time was over') !== true
  })
  const isUnsure = unproven.length > 0 || lasting.some(({ blindMs }) => (blindMs ?? 0) > longestBlindMs)
  return early.length === 0 && isUnsure ? null : early.length
}

/** @throws Error if the record has no load */
export function figuresOf(files: DrillFiles): Figures {
  const drill = lookAt(files)
  const isComplete = [...drill.areas.values()].every(({ missing }) => missing === 0)
  const incidents = drill.causes.map((cause) => incidentFigures(drill, cause))
  const loss = lossValues(drill, isComplete)
  const acked = ackValues(drill.acks, isComplete)
  const { delivered, appliedTwice } = duplicates(files.finalReads)
  return {
    values: {
      ...collectionValues(drill),
      ...requestValues(drill, isComplete),
      ...loss.values,
      ...acked.values,
      'duplicates.delivered': delivered,
      'duplicates.appliedTwice': appliedTwice,
      'refused but present': refusedButPresent(drill),
      'faults ended before their heal': endedEarly(files),
      ...outageValues(drill),
      ...Object.assign({}, ...incidents.map((each) => incidentValues(each))),
      'breaks down by itself': Number(breaksDown(drill, incidents)),
    },
    atLeast: { ...loss.atLeast, ...acked.atLeast },
    lostIds: [...drill.lostIds],
  }
}
