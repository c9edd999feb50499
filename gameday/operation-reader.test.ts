// Every operation is taken once, whatever the connection, the client or the gateway do; what is not had is told with its reason.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FakeClient, fakeDrill } from './fake-client.ts'
import type { AreaLoad } from './measure/record.ts'
import { OperationReader } from './operation-reader.ts'

interface Rig {
  readonly client: FakeClient
  readonly reader: OperationReader
  readonly taken: number[]
  readonly lost: string[]
  readonly finish: (planned: number) => Promise<AreaLoad>
}

function createRig(gateway = () => Promise.resolve()): Rig {
  const client = new FakeClient()
  const taken: number[] = []
  const lost: string[] = []
  const reader = new OperationReader({
    area: 'na',
    client,
    gateway,
    keep: (batch) => taken.push(...batch.map(({ seq }) => seq)),
    lost: (why) => lost.push(why),
  })
  reader.begin(fakeDrill, 0n)
  const finish = (planned: number) =>
    reader.finish({ untilNs: 9n, planned: () => planned, giveUpAtMs: performance.now() + 250 })
  return { client, reader, taken, lost, finish }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

void test('callers that come during a fetch join one more: nothing is taken twice, and each has what ended before its call', async () => {
  const { client, reader, taken } = createRig()
  const answers: (() => void)[] = []
  client.beforeAnswer = () => new Promise((resolve) => answers.push(resolve))
  client.end(0, 1)
  const first = reader.read()
  while (client.fetches < 1) await Promise.resolve()
  client.end(2)
  const callers = [reader.read(), reader.read(), reader.read()]
  await new Promise(setImmediate)
  client.beforeAnswer = () => Promise.resolve()
  for (const answer of answers) answer()
  await first
  await Promise.all(callers)
  assert.deepEqual(taken, [0, 1, 2])
  assert.deepEqual([client.fetches, client.mostAtOnce, reader.repeated], [2, 1, 0])
})

void test('a number that the client gives twice is taken once, and counted', async () => {
  const { client, reader, taken, finish } = createRig()
  client.end(0, 1, 1, 2)
  client.turnedTo = 3
  assert.deepEqual(await finish(3), { planned: 3, sent: 3, reason: null })
  assert.deepEqual([taken, reader.repeated], [[0, 1, 2], 1])
})

void test('an answer that is lost on its way is fetched again, and nothing is taken twice', async () => {
  const { client, reader, taken } = createRig()
  client.end(...upTo(10))
  client.answersToLose = 1
  await assert.rejects(reader.read(), /the connection broke/)
  client.end(10)
  await reader.read()
  assert.deepEqual(taken, upTo(11))
})

void test('a log that has dropped its oldest lines does not stop the reader; what is gone is told', async () => {
  const { client, reader, taken, finish } = createRig()
  client.end(...upTo(100))
  client.first = 40
  await reader.read()
  client.end(100)
  const { reason } = await finish(101)
  assert.deepEqual(taken, upTo(101).slice(40))
  const why = 'client.na had dropped its oldest operations before they could be fetched'
  assert.equal(reason, `${why}: operations 0 to 39 were never collected`)
})

void test('a client that was killed and restarted: its new log is not taken for the old one, and what is missing is told', async () => {
  const { client, reader, taken, lost, finish } = createRig()
  client.end(...upTo(161))
  await reader.read()
  client.restart(14_200)
  await reader.read()
  client.end(0, 1, 2)
  await reader.read()
  const why = 'client.na was restarted 14.20 s into the load'
  assert.deepEqual(await finish(600), {
    planned: 600,
    sent: null,
    reason: `${why}: operations 161 to 599 were never collected`,
  })
  assert.deepEqual([taken, lost], [upTo(161), [why]])
})

void test('a client that forgot its load before it was first read knows no load of the drill', async () => {
  const { client, taken, finish } = createRig()
  client.end(0)
  client.restart(100)
  assert.equal(
    (await finish(2)).reason,
    'client.na knows no load of this drill: operations 0 to 1 were never collected',
  )
  assert.deepEqual(taken, [])
})

void test('a client that was given another load since is not read', async () => {
  const { client, reader, taken, finish } = createRig()
  client.end(0, 1)
  await reader.read()
  client.takeOtherLoad()
  client.end(0, 1, 2, 3)
  await reader.read()
  assert.equal((await finish(4)).reason, 'client.na was given another load: operations 2 to 3 were never collected')
  assert.deepEqual(taken, [0, 1])
})

void test('a client that does not answer is told from a gateway that is gone', async () => {
  const dead = createRig()
  dead.client.end(0)
  await dead.reader.read()
  dead.client.failure = 'connection refused'
  const reason = 'client.na does not answer (connection refused): operation 1 was never collected'
  assert.deepEqual(await dead.finish(2), { planned: 2, sent: null, reason })
  const cut = createRig(() => Promise.reject(new Error('ECONNREFUSED')))
  cut.client.failure = 'socket hang up'
  assert.equal(
    (await cut.finish(2)).reason,
    'the gateway is gone (ECONNREFUSED): operations 0 to 1 were never collected',
  )
})

void test('a client that answers again before the end of patience is read to its end', async () => {
  const { client, taken, finish } = createRig()
  client.end(...upTo(50))
  client.failure = 'connection refused'
  const finished = finish(50)
  while (client.fetches > 0) await Promise.resolve()
  client.failure = null
  client.answersToLose = 1
  assert.deepEqual(await finished, { planned: 50, sent: 50, reason: null })
  assert.deepEqual([taken, client.endedAtNs], [upTo(50), 9n])
})

void test('what is in flight is waited for, and an end by somebody else is told', async () => {
  const { client, taken, finish } = createRig()
  client.end(0, 2)
  client.turnedTo = 3
  client.inFlight = 1
  const finished = finish(5)
  while (client.endedAtNs === null) await new Promise(setImmediate)
  client.end(1)
  client.inFlight = 0
  const { sent, reason } = await finished
  assert.deepEqual([sent, taken], [3, [0, 2, 1]])
  assert.match(reason ?? '', /^client.na was made to end its load before the drill did: operations 3 to 4 were/)
})

void test('a client that never tells how an operation ended is told', async () => {
  const { client, finish } = createRig()
  client.end(0, 2)
  client.turnedTo = 3
  const { reason } = await finish(3)
  assert.equal(reason, 'client.na did not tell what became of them: operation 1 was never collected')
})

void test('those that ended since a time are found, and no others', async () => {
  const { client, reader } = createRig()
  client.end(...upTo(30))
  await reader.read()
  for (const ms of [0, 1, 2, 15, 29, 30, 31])
    assert.deepEqual(
      reader.endedSince(BigInt(ms) * 1_000_000n).map(({ seq }) => seq),
      upTo(30).filter((seq) => seq + 1 >= ms),
    )
})

void test('whatever is cut, lost and asked at once: each number once, and exactly the rest is missing', async () => {
  const events = fc.array(fc.constantFrom('end', 'read', 'cut', 'lose', 'drop'), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(events, fc.integer({ min: 1, max: 4 }), async (words, pageSize) => {
      const { client, reader, taken, finish } = createRig()
      client.pageSize = pageSize
      const reads: Promise<unknown>[] = []
      let next = 0
      for (const word of words) {
        if (word === 'end') client.end(next++, next++)
        if (word === 'cut') client.failure = client.failure === null ? 'cut' : null
        if (word === 'lose') client.answersToLose += 1
        if (word === 'drop') client.first = Math.min(client.log.length, client.first + 1)
        if (word === 'read') reads.push(reader.read().catch(() => {}))
        if (word === 'cut') await Promise.resolve()
      }
      client.failure = null
      client.answersToLose = Math.min(client.answersToLose, 1)
      await Promise.all(reads)
      const { reason } = await finish(next)
      assert.equal(new Set(taken).size, taken.length)
      assert.equal(client.mostAtOnce <= 1, true)
      assert.equal(reason === null, taken.length === next)
      if (client.first === 0) assert.equal(reason, null)
    }),
    { numRuns: 300 },
  )
})
