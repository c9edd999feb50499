// Compares the copies of one table: a checksum for each range of keys, and row by row only where checksums differ. Memory is that of
// one range, however long the table is.
import type { Region } from '#protocol/sites.ts'
import { shown, type Differences } from './differences.ts'
import type { Settle } from './settling.ts'

/** Rows with keys above `after` (null: from the first on) up to `upTo` (null: to the last). */
export interface KeyRange {
  readonly after: string | null
  readonly upTo: string | null
}

/** Rows as JSON, by their keys. */
export type Rows = ReadonlyMap<string, string>

/** A region's copy of a table whose rows have one key each: of one length (uuid), or numbers without leading zeros. */
export interface TableCopy {
  readonly region: Region
  /** The key of the `count`-th row above `after`; null: there are fewer. */
  mark(after: string | null, count: number): Promise<string | null>
  /** Of all columns of the rows in their order. */
  summary(range: KeyRange): Promise<{ readonly rows: number; readonly checksum: string }>
  rows(range: KeyRange): Promise<Rows>
  rowsOf(keys: readonly string[]): Promise<Rows>
}

export interface Comparison {
  /** For the sentences about its rows. */
  readonly table: string
  readonly copies: readonly TableCopy[]
  readonly rowsAtATime: number
  readonly differences: Differences
  readonly settle: Settle
  /** Before each look: waits until every copy has what the others had at the last. */
  readonly catchUp: () => Promise<void>
  /** Told the number of rows so far. */
  readonly note: (rows: number) => void
}

/** @returns the number of rows that were compared: of the copy with most, range by range */
export async function compareTable(comparison: Comparison): Promise<number> {
  const { copies, rowsAtATime, note } = comparison
  let rows = 0
  let range: KeyRange = { after: null, upTo: null }
  do {
    range = await rangeAfter(range.upTo, copies, rowsAtATime)
    rows += await compareRange(comparison, range)
    note(rows)
  } while (range.upTo !== null)
  return rows
}

/** Up to the lowest of the copies' marks: so none has more rows in the range than `count`. */
async function rangeAfter(after: string | null, copies: readonly TableCopy[], count: number): Promise<KeyRange> {
  const marks = await Promise.all(copies.map((copy) => copy.mark(after, count)))
  const upTo = marks.filter((mark) => mark !== null).toSorted(byKey)[0] ?? null
  return { after, upTo }
}

async function compareRange(comparison: Comparison, range: KeyRange): Promise<number> {
  const { table, copies, differences, settle, catchUp } = comparison
  const summaries = await Promise.all(copies.map((copy) => copy.summary(range)))
  const most = summaries.reduce((most, { rows }) => Math.max(most, rows), 0)
  if (summaries.every(({ checksum }) => checksum === summaries[0]?.checksum)) return most
  const regions = copies.map(({ region }) => region)
  let seen = await Promise.all(copies.map((copy) => copy.rows(range)))
  const keys = new Set(seen.flatMap((rows) => [...rows.keys()]))
  const differing = await settle(differingKeys(seen, keys), async (keys) => {
    await catchUp()
    seen = await Promise.all(copies.map((copy) => copy.rowsOf(keys)))
    return differingKeys(seen, keys)
  })
  for (const key of differing.toSorted(byKey)) differences.add(() => sentenceOf(`${table} ${key}`, regions, key, seen))
  return Math.max(most, keys.size)
}

function differingKeys(seen: readonly Rows[], keys: Iterable<string>): readonly string[] {
  return [...keys].filter((key) => seen.some((rows) => rows.get(key) !== seen[0]?.get(key)))
}

function isBelow(left: string, right: string): boolean {
  return left.length === right.length ? left < right : left.length < right.length
}

function byKey(left: string, right: string): number {
  return isBelow(left, right) ? -1 : 1
}

/** `orders 0d3c…: missing in b, there in a, c`, or `quantity is 1 in a, c and 7 in b`. */
function sentenceOf(what: string, regions: readonly Region[], key: string, seen: readonly Rows[]): string {
  const values = regions.map((region, index) => ({ region, row: seen[index]?.get(key) }))
  const there = values.flatMap(({ region, row }) => (row === undefined ? [] : [{ region, columns: columnsOf(row) }]))
  const missing = values.filter(({ row }) => row === undefined).map(({ region }) => region)
  const presence = missing.length === 0 ? [] : [`missing in ${missing.join(', ')}, there in ${regionsOf(there)}`]
  const names = [...new Set(there.flatMap(({ columns }) => Object.keys(columns)))]
  const columns = names.flatMap((name) => {
    const groups = [...Map.groupBy(there, ({ columns }) => JSON.stringify(columns[name]) ?? 'not there')]
    if (groups.length < 2) return []
    return [`${name} is ${groups.map(([value, each]) => `${shown(value)} in ${regionsOf(each)}`).join(' and ')}`]
  })
  return `${what}: ${[...presence, ...columns].join('; ')}`
}

function columnsOf(row: string): Readonly<Record<string, unknown>> {
  return JSON.parse(row) as Readonly<Record<string, unknown>>
}

function regionsOf(each: readonly { readonly region: Region }[]): string {
  return each.map(({ region }) => region).join(', ')
}
