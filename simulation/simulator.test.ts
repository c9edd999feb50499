// The simulator itself: one seed tells one story, and its checkers find what is planted.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { call } from './calls.ts'
import { Chance } from '#runtime/chance.ts'
import { Network } from './network.ts'
import { Process } from './process.ts'
import { runSteps, type Steps } from './steps.ts'
import { Timeline } from './timeline.ts'
import { drawSchedule } from './draw.ts'
import { Checker } from './invariants.ts'
import { runSchedule } from './run.ts'
import { search } from './search.ts'
import type { WalRecord } from './models/wal.ts'
import { Violation } from './violation.ts'

function transcriptOf(seed: number): string {
  const lines: string[] = []
  runSchedule(drawSchedule(seed, { regionCount: null, commit: null }), (line) => lines.push(line))
  return lines.join('\n')
}

const violates = (name: string) => (error: unknown) => error instanceof Violation && error.invariant === name

function record(key: string): WalRecord {
  return { startLsn: 0, endLsn: 1, epoch: 1, timeline: 1, kind: 'write', keys: [key] }
}

suite('the simulator', () => {
  test('two runs of one seed give the same transcript, byte by byte', () => {
    for (const seed of [3, 4]) {
      const first = transcriptOf(seed)
      assert.ok(first.length > 1000)
      assert.equal(transcriptOf(seed), first)
    }
    assert.notEqual(transcriptOf(3), transcriptOf(4))
  })

  for (const [regionCount, schedules] of [
    [3, 1600],
    [null, 400],
  ] as const)
    test(`${schedules} schedules of ${regionCount ?? '3 to 7'} regions break no invariant`, async () => {
      const options = { firstSeed: 1, schedules, mostFound: schedules, regionCount, commit: null } as const
      const { found, sizes } = await search(options, { found: () => undefined, ran: () => undefined })
      assert.deepEqual(found, [])
      assert.equal(
        Object.values(sizes).reduce((sum, size) => sum + size.schedules, 0),
        schedules,
      )
      for (const { shortestMs, fewestFaults, acks, schedules: run } of Object.values(sizes)) {
        assert.ok(shortestMs >= 60_000)
        assert.ok(fewestFaults >= 3)
        assert.ok(acks > run * 50)
      }
    })

  test('a lost write, an ack under a lower epoch and a second primary are found', () => {
    const checker = new Checker('quorum', 0, 0, () => 100)
    checker.begun('a', 1)
    checker.committed('a', 1, [])
    checker.acked({ key: 'one', epoch: 1, sentMs: 10, ackedMs: 20 })
    checker.begun('b', 2)
    assert.throws(() => checker.begun('c', 2), violates('one-primary'))
    assert.throws(() => checker.committed('b', 2, []), violates('no-loss'))
    checker.committed('b', 2, [record('one'), record('two')])
    checker.acked({ key: 'two', epoch: 2, sentMs: 30, ackedMs: 40 })
    assert.throws(() => checker.acked({ key: 'one', epoch: 1, sentMs: 50, ackedMs: 60 }), violates('epoch-order'))
    checker.promised('c', 3)
    assert.throws(() => checker.appended('c', 'c-2'), violates('below-promise'))
    assert.throws(() => checker.replaced('a', [record('three')], [], new Set()), violates('exported'))
  })

  test("a violation in the midst of steps is nobody else's failure", () => {
    const process = new Process(0, 'x', new Timeline(), new Chance(1, 1))
    const broken = new Checker('quorum', 0, 0, () => 100)
    function* steps(): Steps<void> {
      broken.committed('a', 1, [])
      yield 1
    }
    const run = (): void =>
      runSteps(
        process,
        steps(),
        () => assert.fail('done'),
        () => assert.fail('failed'),
      )
    assert.throws(run, violates('one-primary'))
    assert.equal(broken.violation?.invariant, 'one-primary')
  })

  test('a process that restarts hears no answer to what its earlier run asked', () => {
    const timeline = new Timeline()
    const chance = new Chance(1, 1)
    const network = new Network(3, 3, timeline, chance)
    const [from, to] = [0, 1].map((site) => new Process(site, 'x', timeline, chance)) as [Process, Process]
    const heard: (string | null)[] = []
    const ask = (): void =>
      call<string>({
        network,
        from,
        to,
        kind: 'control',
        timeoutMs: 500,
        serve: (answer) => answer('yes'),
        done: (reply) => heard.push(reply),
      })
    ask()
    timeline.run(60)
    from.kill()
    from.start()
    timeline.run(1000)
    assert.deepEqual(heard, [])
    ask()
    timeline.run(2000)
    assert.deepEqual(heard, ['yes'])
  })

  test('time goes in milliseconds, in order, also beyond the wheel', () => {
    const timeline = new Timeline()
    const seen: number[] = []
    for (const delayMs of [20_000, 5, 9000, 0, 5]) timeline.at(delayMs, () => seen.push(timeline.now))
    timeline.run(30_000)
    assert.deepEqual(seen, [0, 5, 5, 9000, 20_000])
  })
})
