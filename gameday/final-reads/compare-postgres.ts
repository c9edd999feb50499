// The Postgres of every region against each other: whole tables, with all columns, whosever rows they are.
import { reachReply } from '#protocol/agent.ts'
import type { Region } from '#protocol/sites.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { StoreAgreement } from '../measure/record.ts'
import { absent, agreementOf, asked, noPrimary, type Compared, type Comparing } from './comparing.ts'
import { Differences } from './differences.ts'
import { copyOf, tables } from './postgres-copy.ts'
import { RegionPostgres } from './region-postgres.ts'
import { settling } from './settling.ts'
import { compareTable, type TableCopy } from './table-comparison.ts'

const rowsAtATime = 5000
const reachWithinMs = 10_000

export async function comparePostgres(comparing: Comparing): Promise<StoreAgreement> {
  const compared: Compared = {
    regions: [],
    rows: 0,
    differences: new Differences(),
    unread: [...absent(comparing.live)],
  }
  return agreementOf('postgres', compared, () => compareTables(comparing, compared))
}

async function compareTables(comparing: Comparing, compared: Compared): Promise<void> {
  const { primary, live, world, settleWithinMs, signal, note } = comparing
  if (primary === null) throw new Error(noPrimary)
  await using open = new AsyncDisposableStack()
  const session = (region: Region): RegionPostgres => open.use(new RegionPostgres(world, region))
  const ofPrimary = session(primary)
  const standbys = await reached(
    comparing,
    ofPrimary,
    live.filter((region) => region !== primary),
    compared,
  )
  const sessions = [ofPrimary, ...standbys.map((region) => session(region))]
  compared.regions = sessions.map(({ region }) => region).toSorted()
  if (sessions.length < 2) return
  const settle = settling(settleWithinMs, signal, note)
  for (const table of tables) {
    const copies = sessions.map((postgres): TableCopy =>
      copyOf(table, postgres.region, (text, values) => asked(comparing, postgres, text, values)),
    )
    compared.rows += await compareTable({
      table: table.name,
      copies: copies.toSorted((left, right) => (left.region < right.region ? -1 : 1)),
      rowsAtATime,
      differences: compared.differences,
      settle,
      catchUp: async () => catchUp(comparing, ofPrimary, standbys),
      note: (rows) => note(`${table.name}: ${rows} rows compared`),
    })
  }
}

/** The standbys that have what the primary has now; of the others it is told why not. */
async function reached(
  comparing: Comparing,
  primary: RegionPostgres,
  standbys: readonly Region[],
  { unread }: Compared,
): Promise<readonly Region[]> {
  const lsn = await flushedBy(comparing, primary)
  const found = await Promise.all(
    standbys.map(async (region) => {
      try {
        await reach(comparing, region, lsn)
        return [region]
      } catch (error) {
        unread.push(messageOf(error))
        return []
      }
    }),
  )
  return found.flat()
}

async function catchUp(comparing: Comparing, primary: RegionPostgres, standbys: readonly Region[]): Promise<void> {
  const lsn = await flushedBy(comparing, primary)
  await Promise.all(standbys.map((region) => reach(comparing, region, lsn)))
}

/** Whatever the primary shows has been flushed. */
async function flushedBy(comparing: Comparing, primary: RegionPostgres): Promise<string> {
  const [row] = await asked(comparing, primary, 'SELECT pg_current_wal_flush_lsn()::text AS lsn')
  return String(row?.['lsn'])
}

/** @throws Error if the node does not have it in time */
async function reach({ world }: Comparing, region: Region, lsn: string): Promise<void> {
  const body = { lsn, withinMs: reachWithinMs }
  const call = { method: 'POST', path: '/reach', body, reply: reachReply, timeoutMs: reachWithinMs + 2000 } as const
  const expected = `expected Postgres of ${region} to have replayed ${lsn}`
  const { reached } = await world.wayIn.control(`postgres.${region}`, call).catch((error: unknown) => {
    throw new Error(`${expected}, saw: ${messageOf(error)}`, { cause: error })
  })
  if (!reached) throw new Error(`${expected} within ${reachWithinMs / 1000} s, saw it behind`)
}
