// Whether figures show what was planted in a history, kind by kind. The same question is asked of the checker's and of the product's.
import { incidentName } from './figures.ts'
import type { History } from './generate-history.ts'
import type { Planted, PlantedKind } from './planted.ts'
import type { PlannedCause } from './history-plan.ts'

/** Figures by the checker's names, those that are unknown with what was found at least. */
export interface Shown {
  readonly values: Readonly<Record<string, number | null | undefined>>
  readonly atLeast: Readonly<Record<string, number>>
}

const missingKinds: readonly PlantedKind[] = ['missing span', 'missing single', 'missing tail']
const lostKinds: readonly PlantedKind[] = ['lost before t0', 'lost after t0']
const stores = ['postgres', 'kafka', 'redis'] as const

function sumOf(shown: Shown, { plan }: History, name: string): number {
  return plan.areas.reduce((sum, area) => sum + (shown.values[`collection.${area}.${name}`] ?? 0), 0)
}

function plantedCount({ planted }: History, kinds: readonly PlantedKind[]): number {
  return planted.filter(({ kind }) => kinds.includes(kind)).reduce((sum, { count }) => sum + count, 0)
}

/** Exactly so many; at least so many where the figure is unknown since operations are missing. */
function counts(shown: Shown, history: History, name: string, expected: number): boolean {
  const isMissing = plantedCount(history, missingKinds) > 0
  if (isMissing) return shown.values[name] === null && (shown.atLeast[name] ?? 0) === expected
  return shown.values[name] === expected
}

function nameOf({ origin }: History, { kind, t0 }: PlannedCause): string {
  return incidentName(kind, (origin + BigInt(t0)).toString())
}

function readStores({ record }: History): readonly (typeof stores)[number][] {
  return stores.filter((store) => record.finalReads[store] !== null)
}

function lossIsFound(shown: Shown, history: History, { cause, window }: Planted): boolean {
  const { planted } = history
  const all = plantedCount(history, lostKinds)
  const lostHere = planted.filter((each) => lostKinds.includes(each.kind) && each.cause === cause)
  const windows = planted.filter((each) => lostKinds.includes(each.kind)).map((each) => each.window ?? 0)
  const elsewhere = planted.find(({ kind }) => kind === 'event missing in one region')
  return readStores(history).every((store) => {
    if (store !== 'postgres' && elsewhere !== undefined) return true
    if (!counts(shown, history, `rpo.${store}.lostCount`, all)) return false
    const inIncident = cause === undefined ? undefined : shown.values[`${nameOf(history, cause)} rpo.${store}.windowMs`]
    if (plantedCount(history, missingKinds) > 0) return inIncident === null
    if (lostHere.length > 1 || windows.length > 1) return (inIncident ?? 0) >= (window ?? 0) / 1e6 - 0.01
    return Math.abs((inIncident ?? 0) - (window ?? 0) / 1e6) < 0.01
  })
}

function eventsAreFound(shown: Shown, history: History, count: number): boolean {
  const lost = plantedCount(history, lostKinds)
  const found = readStores(history).filter((store) => counts(shown, history, `rpo.${store}.lostCount`, lost + count))
  return found.length === 1 || history.record.finalReads.kafka === null || history.record.finalReads.redis === null
}

/** Nothing is told of it as if it were known. */
function isUnknown(shown: Shown, name: string): boolean {
  return [shown.values[`${name} restoredMs`], shown.values[`${name} stillOutMs`]].every((each) => each === null)
}

function worst(shown: Shown, name: string): number {
  const restored = shown.values[`${name} restoredMs`]
  const stillOut = shown.values[`${name} stillOutMs`]
  return restored ?? (stillOut === null || stillOut === undefined ? Infinity : 1e9 + stillOut)
}

function incidentIsFound(shown: Shown, history: History, { kind, cause }: Planted): boolean {
  const { causes } = history.plan
  const [first, second] = causes.map((each) => nameOf(history, each))
  if (kind === 'second incident worse') {
    const other = worst(shown, first ?? '')
    return other === Infinity || worst(shown, second ?? '') > other
  }
  if (kind === 'stalled') return cause !== undefined && isUnknown(shown, nameOf(history, cause))
  const last = causes.at(-1)
  return last !== undefined && worst(shown, nameOf(history, last)) > 1e9
}

type Question = (planted: Planted, shown: Shown, history: History, inOrder: () => Shown) => boolean

const isMissing: Question = (_, shown, history) =>
  sumOf(shown, history, 'missing') === plantedCount(history, missingKinds)
/** Those that are missing may be among them. */
const sums =
  (name: string): Question =>
  ({ count }, shown, history) =>
    plantedCount(history, missingKinds) > 0
      ? sumOf(shown, history, name) <= count
      : sumOf(shown, history, name) === count
const hasCount =
  (name: string): Question =>
  ({ count }, shown, history) =>
    counts(shown, history, name, count)
const isSameInOrder: Question = (_, shown, __, inOrder) => JSON.stringify(inOrder()) === JSON.stringify(shown)
const isLoss: Question = (planted, shown, history) => lossIsFound(shown, history, planted)
const isIncident: Question = (planted, shown, history) => incidentIsFound(shown, history, planted)

/** It is an incident of its own, and the last cause's outage did not last until it. */
const isApart: Question = (_, shown, history) => {
  const { causes, aftermath } = history.plan
  const last = causes.at(-1)
  if (last === undefined || aftermath === null) return false
  const name = nameOf(history, last)
  if (isUnknown(shown, name)) return true
  const restored = shown.values[`${name} restoredMs`] ?? Infinity
  return shown.values['breaks down by itself'] === 1 && restored < (aftermath.from - last.t0) / 1e6 - 30_000
}

/** One of its own, under its own name. */
const isIncidentOfOutside: Question = (_, shown, history) =>
  history.plan.causes
    .filter(({ kind }) => kind === 'outside')
    .every((cause) => shown.values[`${nameOf(history, cause)} untilMs`] !== undefined)

const questions: Readonly<Record<PlantedKind, Question>> = {
  'missing span': isMissing,
  'missing single': isMissing,
  'missing tail': isMissing,
  twice: ({ count }, shown, history) => sumOf(shown, history, 'repeated') === count,
  'late client': sums('late'),
  shed: sums('shed'),
  reordered: isSameInOrder,
  ties: isSameInOrder,
  'lost before t0': isLoss,
  'lost after t0': isLoss,
  'split brain': hasCount('splitBrain.count'),
  'shared order ids': hasCount('shared order ids'),
  'refused but present': ({ count }, shown, { record }) =>
    shown.values['refused but present'] === (record.finalReads.postgres === null ? 0 : count),
  'event missing in one region': ({ count }, shown, history) => eventsAreFound(shown, history, count),
  'event twice': ({ count }, shown) =>
    [shown.values['duplicates.delivered'], shown.values['duplicates.appliedTwice']].every(
      (each) => each === null || each === count,
    ),
  'store not read': (_, shown) =>
    stores
      .map((store) => `rpo.${store}.lostCount`)
      .some((name) => shown.values[name] === null && shown.atLeast[name] === undefined),
  'fault ended early': ({ count }, shown) => shown.values['faults ended before their heal'] === count,
  'unexplained outage': (_, shown) => shown.values['breaks down by itself'] === 1,
  'outage long after': isApart,
  'fault from outside': isIncidentOfOutside,
  'second incident worse': isIncident,
  'endless outage': isIncident,
  stalled: isIncident,
}

/** `inOrder`: figures of the same record with its lines in order of number. */
export function isFound(planted: Planted, shown: Shown, history: History, inOrder: () => Shown): boolean {
  return questions[planted.kind](planted, shown, history, inOrder)
}
