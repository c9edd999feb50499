// A region is lost for real, with real Postgres, Redis and Kafka: `commit: quorum` loses nothing, and `commit: async` behind a
// slow link loses acked writes that the drill must find.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { journal as journalShape, type Journal } from '#protocol/journal.ts'

const launch = promisify(execFile)
const checkout = join(import.meta.dirname, '..', '..')
const launcher = join(checkout, 'firedrill')
const world = 'scenario'

async function firedrill(...words: string[]): Promise<{ readonly stdout: string; readonly code: number }> {
  try {
    const { stdout } = await launch(launcher, words, { cwd: checkout, maxBuffer: 64 * 1024 * 1024 })
    return { stdout, code: 0 }
  } catch (error) {
    const failed = error as { readonly stdout?: string; readonly stderr?: string; readonly code?: number | string }
    if (typeof failed.code !== 'number' || failed.stdout === undefined || failed.stdout === '')
      throw new Error(`./firedrill ${words.join(' ')}: ${failed.stderr ?? String(error)}`, { cause: error })
    return { stdout: failed.stdout, code: failed.code }
  }
}

async function drill(runbook: string): Promise<{ readonly journal: Journal; readonly code: number }> {
  const { stdout, code } = await firedrill('run', runbook, '--world', world, '--seed', '1', '--json')
  return { journal: journalShape.parse(JSON.parse(stdout)), code }
}

function explain(journal: Journal): string {
  const { objectives, checks, interruption, drill } = journal
  return JSON.stringify(
    { drill, interruption, objectives, checks: checks.filter((each) => each.status !== 'pass') },
    null,
    1,
  )
}

after(async () => {
  await firedrill('down', '--world', world)
})

void test('region-loss at commit: quorum passes and loses nothing', async () => {
  const { journal, code } = await drill('region-loss')
  assert.equal(journal.verdict, 'pass', explain(journal))
  assert.equal(code, journal.exitCode)
  assert.deepEqual(journal.rpo.postgres, { lostCount: 0, windowMs: 0 })
  assert.equal(journal.splitBrain.count, 0)
  assert.equal(journal.falseFailovers, 0)
  assert.ok(journal.epochs.some((each) => each.cause === 'fault'))
  assert.ok(existsSync(join(checkout, 'drills', journal.drill, 'report.html')))
})

void test('region-loss-lagging finds the loss, and names each lost order', async () => {
  await firedrill('down', '--world', world)
  const { journal } = await drill('region-loss-lagging')
  assert.equal(journal.verdict, 'pass', explain(journal))
  assert.ok((journal.rpo.postgres.lostCount ?? 0) > 0, explain(journal))
  assert.equal(journal.lost.postgres.length, journal.rpo.postgres.lostCount)
  assert.ok((journal.rpo.postgres.windowMs ?? Infinity) <= 5000)
  assert.equal(journal.splitBrain.count, 0)
})
