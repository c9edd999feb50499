// The same figures as a drill's journal states them, and each difference between the two.
import { incidentName, type Figures } from './figures.ts'
import { stores } from './loss.ts'

type Count = number | null
interface Loss {
  readonly lostCount: Count
  readonly windowMs: Count
}
type Losses = Readonly<Record<(typeof stores)[number], Loss>>
interface Restored {
  readonly restoredMs: Count
  readonly resolutionMs: Count
  readonly stillOutMs: Count
}

/** journal.json, as far as the checker can say the same. */
export interface JournalFile {
  readonly originNs?: string
  readonly requests: Readonly<Record<'ok' | 'failed' | 'unknown', Count>>
  readonly rpo: Losses
  readonly splitBrain: { readonly count: Count }
  readonly duplicates: { readonly delivered: Count; readonly appliedTwice: Count }
  readonly refusedButPresent: readonly string[]
  readonly outage: { readonly longestMs: Count; readonly resolutionMs: Count; readonly open: boolean }
  readonly collection: Readonly<
    Record<
      string,
      Readonly<Record<'planned' | 'collected' | 'missing' | 'repeated' | 'outside' | 'late' | 'shed', number>>
    >
  >
  readonly incidents: readonly (Restored & {
    readonly cause: string
    readonly t0: { readonly ns: string }
    readonly untilNs: string
    readonly firstWriteMs: Count
    readonly firstWriteResolutionMs: Count
    readonly longestGapMs: Count
    readonly longestGapResolutionMs: Count
    readonly failed: Count
    readonly areas: Readonly<Record<string, Restored>>
    readonly rpo: Losses
  })[]
  readonly unknown: Readonly<Record<string, string>>
  readonly atLeast: Readonly<Record<string, number>>
  readonly lost: { readonly postgres: readonly string[] }
  readonly checks: readonly { readonly name: string; readonly status: string; readonly reason: string }[]
}

/** Of times, in ms: as far as two ways of rounding may lie apart. */
const tolerance = 0.01
/** Causes without a cause of the method: only whether there is any is compared. */
const breakdowns: readonly string[] = ['heal', 'unexplained']

type Values = Record<string, number | null>

function lossValues(rpo: Losses, before: string): Values {
  return Object.fromEntries(
    stores.flatMap((store) => [
      [`${before}rpo.${store}.lostCount`, rpo[store].lostCount],
      [`${before}rpo.${store}.windowMs`, rpo[store].windowMs],
    ]),
  )
}

function restoredValues(name: string, { restoredMs, resolutionMs, stillOutMs }: Restored): Values {
  return { [`${name}restoredMs`]: restoredMs, [`${name}resolutionMs`]: resolutionMs, [`${name}stillOutMs`]: stillOutMs }
}

function incidentValues(each: JournalFile['incidents'][number], origin: bigint): Values {
  const name = `${incidentName(each.cause, each.t0.ns)} `
  return {
    [`${name}untilMs`]: Number(BigInt(each.untilNs) - origin) / 1e6,
    [`${name}firstWriteMs`]: each.firstWriteMs,
    [`${name}firstWriteResolutionMs`]: each.firstWriteResolutionMs,
    [`${name}longestGapMs`]: each.longestGapMs,
    [`${name}longestGapResolutionMs`]: each.longestGapResolutionMs,
    [`${name}failed`]: each.failed,
    ...restoredValues(name, each),
    ...Object.assign(
      {},
      ...Object.entries(each.areas).map(([area, it]) => restoredValues(`${name}areas.${area}.`, it)),
    ),
    ...lossValues(each.rpo, name),
  }
}

export function journalValues(journal: JournalFile): Values {
  const origin = BigInt(journal.originNs ?? 0)
  const known = journal.incidents.filter(({ cause }) => !breakdowns.includes(cause))
  return {
    ...Object.assign(
      {},
      ...Object.entries(journal.collection).map(([area, it]) =>
        Object.fromEntries(
          (['planned', 'collected', 'missing', 'repeated', 'outside', 'late', 'shed'] as const).map((name) => [
            `collection.${area}.${name}`,
            it[name],
          ]),
        ),
      ),
    ),
    'requests.ok': journal.requests.ok,
    'requests.failed': journal.requests.failed,
    'requests.unknown': journal.requests.unknown,
    ...lossValues(journal.rpo, ''),
    'splitBrain.count': journal.splitBrain.count,
    'duplicates.delivered': journal.duplicates.delivered,
    'duplicates.appliedTwice': journal.duplicates.appliedTwice,
    'refused but present': journal.refusedButPresent.length,
    'outage.longestMs': journal.outage.longestMs,
    'outage.resolutionMs': journal.outage.resolutionMs,
    'outage.open': journal.outage.longestMs === null ? null : Number(journal.outage.open),
    ...Object.assign({}, ...known.map((each) => incidentValues(each, origin))),
    'breaks down by itself': Number(known.length < journal.incidents.length),
  }
}

/** Figures that a check tells: passed is none, failed is some. */
const toldByChecks: Readonly<Record<string, RegExp>> = {
  'shared order ids': /^one order id per write$/,
  'faults ended before their heal': /^fault in force until its heal$/,
}

/** Undefined: the journal has no such check. */
export function checkOf({ checks }: JournalFile, figure: string): string | undefined {
  return checks.find(({ name }) => toldByChecks[figure]?.test(name))?.status
}

function checksDiffer(journal: JournalFile, { values, atLeast }: Figures): readonly string[] {
  return Object.keys(toldByChecks).flatMap((figure) => {
    const told = checkOf(journal, figure)
    const count = values[figure] ?? null
    const expected = (count ?? atLeast[figure] ?? 0) > 0 ? 'fail' : count === null ? 'unknown' : 'pass'
    return told === expected ? [] : [`${figure}: journal ${told ?? 'says nothing'}, checker ${expected}`]
  })
}

/** A figure without a value has its reason in the journal; that a store was not read is told by a check. */
function reasonsDiffer(journal: JournalFile): readonly string[] {
  const figures: readonly (readonly [string, number | null])[] = [
    ['splitBrain.count', journal.splitBrain.count],
    ['requests.ok', journal.requests.ok],
    ...stores.map((store) => [`rpo.${store}.lostCount`, journal.rpo[store].lostCount] as const),
    ...journal.incidents.map(
      ({ restoredMs, stillOutMs }, index) => [`incidents[${index}].restoredMs`, restoredMs ?? stillOutMs] as const,
    ),
  ]
  return figures
    .filter(([path, value]) => value === null && (journal.unknown[path] ?? '') === '')
    .map(([path]) => `${path}: unknown in the journal without a reason`)
}

function same(left: number | null, right: number | null): boolean {
  return left === null || right === null ? left === right : Math.abs(left - right) <= tolerance
}

/** A line for each difference. `isClean` false: what counts as a breakdown is not compared, since the history has noise in it. */
export function differences(figures: Figures, journal: JournalFile, isClean = true): readonly string[] {
  const theirs = journalValues(journal)
  const names = [...new Set([...Object.keys(figures.values), ...Object.keys(theirs)])].filter(
    (name) => !(name in toldByChecks) && (isClean || name !== 'breaks down by itself'),
  )
  const shown = (value: number | null | undefined): string => (value === undefined ? 'nothing' : String(value))
  const values = names.flatMap((name) => {
    const mine = figures.values[name]
    const their = theirs[name]
    const isSame = mine !== undefined && their !== undefined && same(mine, their)
    return isSame ? [] : [`${name}: journal ${shown(their)}, checker ${shown(mine)}`]
  })
  const least = Object.entries(figures.atLeast)
    .filter(([name]) => !(name in toldByChecks))
    .filter(([name, count]) => journal.atLeast[name] !== count)
    .map(([name, count]) => `at least ${name}: journal ${shown(journal.atLeast[name])}, checker ${count}`)
  const lost = new Set(journal.lost.postgres).symmetricDifference(new Set(figures.lostIds))
  const ids = lost.size === 0 ? [] : [`lost orders: ${lost.size} ids are in one list only, such as ${[...lost][0]}`]
  return [...values, ...least, ...ids, ...checksDiffer(journal, figures), ...reasonsDiffer(journal)]
}
