// What the final primary's Postgres holds of a drill's orders.
import { Client } from 'pg'
import { ports, type Region } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'

export interface PresentOrders {
  readonly ids: ReadonlySet<string>
  /** Idempotency keys. */
  readonly keys: ReadonlySet<string>
}

/** @param drill idempotency keys begin with it */
export async function readPostgres(world: RunningWorld, primary: Region, drill: string): Promise<PresentOrders> {
  const forward = await world.wayIn.forward(`postgres.${primary}`, ports.postgres)
  const client = new Client({
    host: '127.0.0.1',
    port: forward.port,
    user: 'firedrill',
    password: world.secrets.postgres,
    database: 'firedrill',
    connectionTimeoutMillis: 5000,
    query_timeout: 20_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ id: string; idempotency_key: string }>(
      'SELECT id, idempotency_key FROM orders WHERE starts_with(idempotency_key, $1)',
      [`${drill}-`],
    )
    return { ids: new Set(rows.map((row) => row.id)), keys: new Set(rows.map((row) => row.idempotency_key)) }
  } finally {
    await client.end().catch(() => {})
    await forward.close()
  }
}
