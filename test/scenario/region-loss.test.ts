// A region is lost for real, with real Postgres, Redis and Kafka: `commit: quorum` loses nothing, and `commit: async` behind a
// slow link loses acked writes that the drill must find. Holds are short, and no figure of speed is judged: machines differ.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { journal as journalShape, type Journal } from '#protocol/journal.ts'
import { ports } from '#protocol/sites.ts'
import { openWorld } from '#world/docker-world.ts'

const launch = promisify(execFile)
const checkout = join(import.meta.dirname, '..', '..')
const world = `test-scenario-${randomBytes(3).toString('hex')}`

async function firedrill(
  ...words: string[]
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  try {
    const { stdout, stderr } = await launch(join(checkout, 'firedrill'), words, { cwd: checkout, maxBuffer: 2 ** 26 })
    return { stdout, stderr, code: 0 }
  } catch (error) {
    const failed = error as { readonly stdout?: string; readonly stderr?: string; readonly code?: number | string }
    if (typeof failed.code !== 'number') throw error
    return { stdout: failed.stdout ?? '', stderr: failed.stderr ?? '', code: failed.code }
  }
}

async function drill(runbook: string, settings: readonly string[]): Promise<Journal> {
  const set = ['steady-state-hypothesis.p99=<= 2s', ...settings].flatMap((each) => ['--set', each])
  const { stdout, stderr, code } = await firedrill('run', runbook, '--world', world, '--seed', '1', '--json', ...set)
  assert.notEqual(stdout, '', stderr)
  const journal = journalShape.parse(JSON.parse(stdout))
  assert.equal(code, journal.exitCode)
  return journal
}

function explain({ objectives, checks, interruption, drill: name }: Journal): string {
  const troubles = [
    ...objectives.filter((each) => each.status !== 'met'),
    ...checks.filter((each) => each.status !== 'pass'),
  ]
  return JSON.stringify({ name, interruption, troubles }, null, 1)
}

/** Which of the orders the primary's Postgres holds, asked without any of the drill's own code. */
async function presentOf(ids: readonly string[], region: string): Promise<readonly string[]> {
  await using opened = await openWorld(world)
  const forward = await opened.wayIn.forward(`postgres.${region}`, ports.postgres)
  const client = new Client({
    host: '127.0.0.1',
    port: forward.port,
    user: 'firedrill',
    password: opened.secrets.postgres,
    database: 'firedrill',
  })
  try {
    await client.connect()
    const { rows } = await client.query<{ id: string }>('SELECT id FROM orders WHERE id = ANY ($1)', [ids])
    return rows.map(({ id }) => id)
  } finally {
    await client.end()
    await forward.close()
  }
}

after(async () => {
  await firedrill('down', '--world', world)
})

void test('region-loss at commit: quorum fails over and back, loses nothing and has one primary at a time', async () => {
  const journal = await drill('region-loss', [
    'objectives={ rpo: 0s }',
    'method[0].hold=5s',
    'method[3].hold=8s',
    'method[7].hold=3s',
  ])
  assert.equal(journal.verdict, 'pass', explain(journal))
  assert.deepEqual(journal.rpo.postgres, { lostCount: 0, windowMs: 0 })
  assert.equal(journal.splitBrain.count, 0)
  assert.deepEqual(
    journal.epochs.map((each) => each.cause),
    ['before', 'fault', 'ordered'],
  )
  assert.equal(journal.epochs.at(-1)?.region, 'a')
  assert.ok(existsSync(join(checkout, 'drills', journal.drill, 'report.html')))
})

void test('region-loss-lagging finds the loss: each order that it names was acked and is truly gone', async () => {
  const journal = await drill('region-loss-lagging', [
    "objectives={ lost-writes: '>= 1' }",
    'method[0].hold=5s',
    'method[2].hold=5s',
    'method[5].hold=8s',
    'method[10].hold=3s',
  ])
  const lost = journal.lost.postgres
  assert.ok(lost.length > 0, explain(journal))
  assert.equal(journal.rpo.postgres.lostCount, lost.length)
  assert.equal(journal.splitBrain.count, 0)
  const primary = journal.epochs.at(-1)?.region ?? 'a'
  assert.deepEqual(await presentOf(lost, primary), [])
  assert.equal(journal.objectives.find((each) => each.name === 'lost-writes')?.status, 'met')
})
