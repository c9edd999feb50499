// Node's own test runner over several groups of files, one group after the other, told as one run by node's own reporter.
import { once } from 'node:events'
import { relative } from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'
import { loadHostConfig } from '#runtime/config.ts'

export interface TestGroup {
  readonly files: readonly string[]
  /** So many files run at a time. */
  readonly concurrency: number
}

const shownSlowFiles = 10
/** What the runner says at the end of a group. */
const total = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/

/** @returns whether every test passed. The output's last lines are the totals of all groups, and the failures. */
export async function runTestGroups(groups: readonly TestGroup[], cwd: string): Promise<boolean> {
  const outcome = { passed: true }
  const told = Readable.from(eventsOf(groups, cwd, outcome)).pipe(new spec())
  told.pipe(process.stdout, { end: false })
  await once(told, 'end')
  return outcome.passed
}

async function* eventsOf(
  groups: readonly TestGroup[],
  cwd: string,
  outcome: { passed: boolean },
): AsyncGenerator<TestEvent> {
  const totals = new Map<string, number>()
  const seconds = new Map<string, number>()
  const env = { ...loadHostConfig().environment, FIREDRILL_TESTS_SINCE: new Date().toISOString() }
  for (const { files, concurrency } of groups) {
    if (files.length === 0) continue
    for await (const event of run({ files, concurrency, cwd, env }) as AsyncIterable<TestEvent>) {
      if (event.type === 'test:summary') {
        const { success, file, duration_ms: tookMs } = event.data
        outcome.passed &&= success
        if (file !== undefined) seconds.set(relative(cwd, file), tookMs / 1000)
      }
      const [, name, count] = event.type === 'test:diagnostic' ? (total.exec(event.data.message) ?? []) : []
      if (name === undefined) yield event
      else totals.set(name, (totals.get(name) ?? 0) + Number(count))
    }
  }
  yield diagnostic(slowest(seconds))
  for (const [name, count] of totals) yield diagnostic(`${name} ${count}`)
}

function slowest(seconds: ReadonlyMap<string, number>): string {
  const shown = [...seconds].sort(([, left], [, right]) => right - left).slice(0, shownSlowFiles)
  return `slowest files: ${shown.map(([file, took]) => `${file} ${took.toFixed(0)} s`).join(', ')}`
}

function diagnostic(message: string): TestEvent {
  return { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } }
}
