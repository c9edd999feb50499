// What the final primary's Postgres holds of a drill's orders.
import type { Region } from '#protocol/sites.ts'
import { RegionPostgres, type StoresOf } from './region-postgres.ts'

export interface PresentOrders {
  readonly ids: ReadonlySet<string>
  /** Idempotency keys. */
  readonly keys: ReadonlySet<string>
}

/** @param drill idempotency keys begin with it */
export async function readPostgres(world: StoresOf, primary: Region, drill: string): Promise<PresentOrders> {
  await using postgres = new RegionPostgres(world, primary)
  const text = 'SELECT id, idempotency_key FROM orders WHERE starts_with(idempotency_key, $1)'
  const rows = await postgres.ask(text, [`${drill}-`])
  return {
    ids: new Set(rows.map((row) => String(row['id']))),
    keys: new Set(rows.map((row) => String(row['idempotency_key']))),
  }
}
