// A region's copy of a table as the comparison asks for it, in SQL. Each statement reads one range by the table's own key, so that
// it is over before a standby would cancel it for the replay's sake.
import type { Region } from '#protocol/sites.ts'
import type { Row } from './region-postgres.ts'
import type { KeyRange, Rows, TableCopy } from './table-comparison.ts'

export interface Table {
  readonly name: string
  readonly key: string
  readonly type: 'uuid' | 'bigint'
}

/** Whatever the service keeps. Its probe's only row is left out: it changes all the time, and nothing reads it. */
export const tables: readonly Table[] = [
  { name: 'orders', key: 'id', type: 'uuid' },
  { name: 'outbox', key: 'seq', type: 'bigint' },
  { name: 'firedrill.epoch', key: 'epoch', type: 'bigint' },
]

type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

export function copyOf({ name, key, type }: Table, region: Region, ask: Ask): TableCopy {
  const row = `to_jsonb(t)::text AS row`
  const rowsFrom = (rows: readonly Row[]): Rows =>
    new Map(rows.map((each) => [String(each['key']), String(each['row'])]))
  const within = ({ after, upTo }: KeyRange): { readonly where: string; readonly values: readonly string[] } => {
    const values = [after, upTo].filter((each) => each !== null)
    const above = after === null ? [] : [`${key} > $1::${type}`]
    const below = upTo === null ? [] : [`${key} <= $${values.length}::${type}`]
    return { where: ['true', ...above, ...below].join(' AND '), values }
  }
  return {
    region,
    mark: async (after, count) => {
      const { where, values } = within({ after, upTo: null })
      const text = `SELECT ${key}::text AS key FROM ${name} WHERE ${where} ORDER BY ${key} OFFSET ${count - 1} LIMIT 1`
      const [found] = await ask(text, values)
      return found === undefined ? null : String(found['key'])
    },
    summary: async (range) => {
      const { where, values } = within(range)
      const checksum = `coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t.${key})), '') AS checksum`
      const [found] = await ask(
        `SELECT count(*)::integer AS rows, ${checksum} FROM ${name} AS t WHERE ${where}`,
        values,
      )
      return { rows: Number(found?.['rows']), checksum: String(found?.['checksum']) }
    },
    rows: async (range) => {
      const { where, values } = within(range)
      return rowsFrom(await ask(`SELECT ${key}::text AS key, ${row} FROM ${name} AS t WHERE ${where}`, values))
    },
    rowsOf: async (keys) =>
      rowsFrom(
        await ask(`SELECT ${key}::text AS key, ${row} FROM ${name} AS t WHERE ${key} = ANY($1::${type}[])`, [keys]),
      ),
  }
}
