// The same figures as a drill's journal states them, and each difference between the two.
import { z } from 'zod'
import { incidentName, type Figures } from './figures.ts'
import { stores } from './loss.ts'

const count = z.number().nullable()
const text = z.string()
const loss = z.object({ lostCount: count, windowMs: count })
const losses = z.object({ postgres: loss, kafka: loss, redis: loss } satisfies Record<(typeof stores)[number], unknown>)
type Losses = z.infer<typeof losses>
const restored = z.object({ restoredMs: count, resolutionMs: count, stillOutMs: count })
type Restored = z.infer<typeof restored>
const collected = z.object({
  planned: z.number(),
  collected: z.number(),
  missing: z.number(),
  repeated: z.number(),
  outside: z.number(),
  late: z.number(),
  shed: z.number(),
})

/** journal.json, as far as the checker can say the same. */
export const journalFile = z.object({
  originNs: text.optional(),
  requests: z.object({ ok: count, failed: count, unknown: count }),
  rpo: losses,
  splitBrain: z.object({ count }),
  duplicates: z.object({ delivered: count, appliedTwice: count }),
  refusedButPresent: z.array(text),
  outage: z.object({ longestMs: count, resolutionMs: count, open: z.boolean() }),
  collection: z.record(text, collected),
  incidents: z.array(
    restored.extend({
      id: text,
      cause: text,
      t0: z.object({ ns: text }),
      untilNs: text,
      firstWriteMs: count,
      firstWriteResolutionMs: count,
      longestGapMs: count,
      longestGapResolutionMs: count,
      longestGapOpen: z.boolean(),
      failed: count,
      areas: z.record(text, restored),
      rpo: losses,
    }),
  ),
  unknown: z.record(text, text),
  atLeast: z.record(text, z.number()),
  lost: z.object({ postgres: z.array(text) }),
  checks: z.array(z.object({ name: text, status: text, reason: text })),
})
export type JournalFile = z.infer<typeof journalFile>

/** Of times, in ms: as far as two ways of rounding may lie apart. */
const tolerance = 0.01
/** Causes without a cause of the method: only whether there is any is compared. */
const breakdowns: readonly string[] = ['heal', 'during', 'unexplained']
/** Those of somebody else's faults are told as from outside. */
const breakdownId = /^(heal-of|during)-/

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
    [`${name}longestGapOpen`]: Number(each.longestGapOpen),
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
  const known = journal.incidents.filter(({ id, cause }) => !breakdowns.includes(cause) && !breakdownId.test(id))
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
