// Many short drills of one world: distributions of how long service was gone, and of what was lost.
import type { Journal } from '#protocol/journal.ts'
import { moveReply } from '#protocol/controller.ts'
import { ordersDataSet } from '#protocol/epoch.ts'
import type { Step } from '#protocol/runbook.ts'
import { healAll } from '#chaos/heal.ts'
import { currentPrimary, missingForWhole } from '../conditions.ts'
import { DrillRefused, runDrill } from '../run-drill.ts'
import { loadRunbook, type LoadedRunbook } from '../validate.ts'
import { viewWorld } from '../view-world.ts'
import { until } from '../wait.ts'
import { distribution, renderTable } from './distribution.ts'
import type { BenchOptions, BenchResult } from './run-bench.ts'
import { readState, writeState, type FinishedRun } from './state.ts'

const benchedRunbooks = ['region-loss', 'region-partition', 'region-freeze', 'postgres-crash', 'planned-switchover']

const firstHoldMs = 5000
const readyWithinMs = 120_000
/** Restored needs whole windows of 3 s after service is back. */
const outageHoldMs = 7000
const lastHoldMs = 3000

/** The same game day with short holds. */
export function shorten(method: readonly Step[]): readonly Step[] {
  return method.map((step, index) => {
    if (step.hold === undefined) return step
    const longest = index === 0 ? firstHoldMs : index === method.length - 1 ? lastHoldMs : outageHoldMs
    return { hold: Math.min(step.hold, longest) }
  })
}

export function figuresOf(journal: Journal): FinishedRun {
  return {
    runbook: journal.runbook,
    drill: journal.drill,
    verdict: journal.verdict,
    firstWriteMs: journal.rto.firstWriteMs,
    restoredMs: journal.rto.restoredMs,
    longestGapMs: journal.outage.longestMs,
    failbackGapMs: journal.failback.outageMs,
    failbackFailed: journal.failback.failed,
    lost: journal.rpo.postgres.lostCount,
    splitBrain: journal.splitBrain.count,
    failedRequests: journal.requests.failed + journal.requests.unknown,
    tookMs: journal.durationMs,
  }
}

async function short(name: string): Promise<LoadedRunbook> {
  const loaded = await loadRunbook(name, { set: [], canApprove: false })
  return { ...loaded, runbook: { ...loaded.runbook, method: [...shorten(loaded.runbook.method)] } }
}

export async function benchFailover(options: BenchOptions): Promise<BenchResult> {
  const names = options.runbooks.length > 0 ? options.runbooks : benchedRunbooks
  const books = await Promise.all(names.map(short))
  let finished = await readState(options.stateFile)
  for (let run = 0; run < options.runs; run += 1) {
    for (const loaded of books) {
      if (options.signal.aborted) return summary(finished, names)
      if (finished.filter((each) => each.runbook === loaded.name).length > run) continue
      await prepare(options)
      const { journal } = await runDrill({ ...options, loaded, seed: run + 1, approve: () => Promise.resolve(false) })
      if (options.signal.aborted) return summary(finished, names)
      finished = [...finished, figuresOf(journal)]
      await writeState(options.stateFile, finished)
    }
  }
  return summary(finished, names)
}

/** A failed run may leave faults, or another region in charge: the next one begins as all others do. */
async function prepare({ world, progress, signal }: BenchOptions): Promise<void> {
  await healAll(world)
  await progress.step('World is whole, and home is primary', async (note) => {
    const whole = await until(async () => missingForWhole(await viewWorld(world)), readyWithinMs, signal, note)
    if (whole.length > 0) throw new DrillRefused(`world ${world.name} is not whole: ${whole.join('; ')}`)
    const { home } = world.topology
    if (currentPrimary(await viewWorld(world)) === home) return
    await world.wayIn.control(`controller.${home}`, {
      method: 'POST',
      path: '/switchover',
      body: { dataSet: ordersDataSet, to: home },
      reply: moveReply,
      timeoutMs: 60_000,
    })
  })
}

const columns = [
  ['first write', 'firstWriteMs'],
  ['restored', 'restoredMs'],
  ['longest gap', 'longestGapMs'],
  ['failback gap', 'failbackGapMs'],
  ['failback failed', 'failbackFailed'],
  ['lost', 'lost'],
  ['split brain', 'splitBrain'],
  ['failed requests', 'failedRequests'],
  ['run took', 'tookMs'],
] as const

export function summary(finished: readonly FinishedRun[], names: readonly string[]): BenchResult {
  const rows = names.flatMap((name) => {
    const runs = finished.filter((each) => each.runbook === name)
    const passed = runs.filter((each) => each.verdict === 'pass').length
    return columns.map(([title, key], index) => {
      const seen = distribution(runs.map((each) => each[key]))
      const unit = key.endsWith('Ms') ? ' ms' : ''
      const cells =
        seen === null
          ? ['0', '-', '-', '-']
          : [String(seen.n), ...[seen.min, seen.median, seen.max].map((each) => `${Math.round(each)}${unit}`)]
      return [index === 0 ? `${name} (${passed} of ${runs.length} passed)` : '', title, ...cells]
    })
  })
  const json = Object.fromEntries(
    names.map((name) => {
      const runs = finished.filter((each) => each.runbook === name)
      return [name, Object.fromEntries(columns.map(([, key]) => [key, distribution(runs.map((each) => each[key]))]))]
    }),
  )
  return {
    screen: renderTable([['runbook', 'figure', 'n', 'min', 'median', 'max'], ...rows]),
    json: { figures: json, runs: finished },
  }
}
