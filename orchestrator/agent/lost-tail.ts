// What a rewind is about to throw away, written to a file that a report can name.
import { mkdir, readdir, readFile } from 'node:fs/promises'
import type { Region } from '#protocol/sites.ts'
import { exportedTail, type ExportedTail } from '#protocol/agent.ts'
import type { Session } from '#runtime/postgres.ts'
import { writeDurably } from './durable-state.ts'
import { paths } from './paths.ts'

const transactionsQuery = `SELECT xid::text FROM pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)
  WHERE resource_manager = 'Transaction' AND record_type LIKE 'COMMIT%'`

/** Rows carry the id of the transaction that wrote them last. */
const ordersQuery = `SELECT to_jsonb(orders) AS row FROM orders WHERE xmin::text = ANY ($1) ORDER BY created_at, id`

/**
 * Writes the transactions between two LSNs, with the orders that they wrote, as they stand on this node.
 * @returns null if there are none
 */
export async function exportTail(
  session: Session,
  region: Region,
  epoch: number,
  fromLsn: string,
  toLsn: string,
): Promise<ExportedTail | null> {
  const found = await session.query(transactionsQuery, [fromLsn, toLsn])
  const ids = found.rows.map((row) => String(row['xid']))
  if (ids.length === 0) return null
  const orders = await session.query(ordersQuery, [ids])
  const tail: ExportedTail = {
    name: `${region}-epoch-${epoch}-${fromLsn.replace('/', '_')}-${toLsn.replace('/', '_')}`,
    region,
    epoch,
    fromLsn,
    toLsn,
    transactions: ids.length,
    orders: orders.rows.map((row) => row['row'] as Record<string, unknown>),
  }
  await mkdir(paths.exports, { recursive: true })
  await writeDurably(`${paths.exports}/${tail.name}.json`, JSON.stringify(tail, null, 2))
  return tail
}

export async function listTails(): Promise<string[]> {
  const files = await readdir(paths.exports).catch(() => [])
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}

/** Null if there is no such file. */
export async function readTail(name: string): Promise<ExportedTail | null> {
  if (!(await listTails()).includes(name)) return null
  return exportedTail.parse(JSON.parse(await readFile(`${paths.exports}/${name}.json`, 'utf8')))
}
