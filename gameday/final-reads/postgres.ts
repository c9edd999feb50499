// What the final primary's Postgres holds of a drill's orders.
import type { Region } from '#protocol/sites.ts'
import { RegionPostgres, type Row, type StoresOf } from './region-postgres.ts'

export interface PresentOrders {
  readonly ids: ReadonlySet<string>
  /** Idempotency keys. */
  readonly keys: ReadonlySet<string>
}

const rowsAtATime = 10_000

/** @param drill idempotency keys begin with it */
export async function readPostgres(world: StoresOf, primary: Region, drill: string): Promise<PresentOrders> {
  await using postgres = new RegionPostgres(world, primary)
  const ids = new Set<string>()
  const keys = new Set<string>()
  const prefix = `${drill}-`
  for (let after: string | null = null; ;) {
    const where = after === null ? '' : 'AND id > $2::uuid'
    const text: string = `SELECT id::text AS id, idempotency_key AS key FROM orders
      WHERE starts_with(idempotency_key, $1) ${where} ORDER BY id LIMIT ${rowsAtATime}`
    const rows: readonly Row[] = await postgres.ask(text, after === null ? [prefix] : [prefix, after])
    for (const { id, key } of rows) {
      ids.add(String(id))
      keys.add(String(key))
      after = String(id)
    }
    if (rows.length < rowsAtATime) return { ids, keys }
  }
}
