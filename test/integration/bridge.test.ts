// Bridges between two real Kafkas: what is copied, what never is, and that no kill or outage loses an event.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Bridge } from '#orchestrator/bridge/bridge.ts'
import { readCheckpoint } from '#orchestrator/bridge/checkpoints.ts'
import { bridgeHeaders, partitionOf } from '#protocol/bus.ts'
import { eventHeaders } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { createLog } from '#runtime/log.ts'
import { KafkaBox } from './bus-rig.ts'
import { eventually } from './rig.ts'

const log = createLog('bridge', 'fatal')
const ids = (count: number) => Array.from({ length: count }, () => randomUUID())
/** Ids of one partition. */
const idsIn = (partition: number, count: number) =>
  ids(count * 20)
    .filter((id) => partitionOf(id) === partition)
    .slice(0, count)
const sorted = (list: readonly string[]) => [...list].sort()
const distinct = (list: readonly string[]) => sorted([...new Set(list)])

describe('the bridge', () => {
  let a: KafkaBox
  let b: KafkaBox
  before(async () => {
    ;[a, b] = await Promise.all([KafkaBox.run(), KafkaBox.run()])
  })
  beforeEach(async () => {
    await Promise.all([a.replace(), b.replace()])
    await Promise.all([a.ready(), b.ready()])
  })
  after(async () => {
    await Promise.all([a?.[Symbol.asyncDispose](), b?.[Symbol.asyncDispose]()])
  })

  /** The bridge of one of the two regions, from the other. Ends with the test. */
  function bridgeOf(region: Region) {
    const sources: Region[] = region === 'a' ? ['b'] : ['a']
    const kafka = (each: Region) => (each === 'a' ? a.authority : b.authority)
    const bridge = new Bridge({ region, sources, open: openKafka, log, kafka })
    bridge.start()
    return Object.assign(bridge, { [Symbol.asyncDispose]: async () => await bridge.stop() })
  }
  const offsets = (bridge: Bridge) => bridge.positions().sources[0]?.offsets ?? []
  const passed = async (bridge: Bridge, box: KafkaBox) =>
    await eventually('the bridge to be at the end', async () => {
      const ends = await box.use(async (session) =>
        Promise.all([0, 1, 2].map(async (partition) => (await session.offsets('orders', partition)).end)),
      )
      return ends.every((end, partition) => offsets(bridge)[partition] === end)
    })

  test('copies what is born in the source, with its partition and headers, and nothing goes round', async () => {
    await using toB = bridgeOf('b')
    await using toA = bridgeOf('a')
    const [fromA, fromB] = [ids(20), ids(20)]
    await Promise.all([a.publish('a', 1, fromA), b.publish('b', 1, fromB)])
    await Promise.all([a.untilItHas(fromB), b.untilItHas(fromA)])
    await Promise.all([passed(toB, a), passed(toA, b)])
    assert.deepEqual(sorted(await a.eventIds()), sorted([...fromA, ...fromB]))
    assert.deepEqual(sorted(await b.eventIds()), sorted([...fromA, ...fromB]))
    const original = (await a.records()).find((record) => record.key === fromA[0])
    const copy = (await b.records()).find((record) => record.key === fromA[0])
    assert.deepEqual(copy?.value, original?.value)
    assert.equal(copy?.headers[eventHeaders.origin], 'a')
    assert.equal(copy?.headers[bridgeHeaders.offset], String(original?.offset))
  })

  test('a bridge that ends in mid-stream goes on where it was, and loses nothing', async () => {
    const rounds = [ids(70), ids(70), ids(70)]
    for (const round of rounds) {
      const publishing = a.publish('a', 1, round)
      {
        await using bridge = bridgeOf('b')
        await eventually('some copies', async () => bridge.positions().copied > 0)
      }
      await publishing
    }
    await using bridge = bridgeOf('b')
    await passed(bridge, a)
    assert.deepEqual(distinct(await b.eventIds()), sorted(rounds.flat()))
  })

  test('copies a backlog that is more than Kafka takes at once', async () => {
    const wanted = idsIn(1, 4000)
    await a.publish('a', 1, wanted, { atATime: 500 })
    await using bridge = bridgeOf('b')
    await passed(bridge, a)
    assert.deepEqual(sorted(await b.eventIds()), sorted(wanted))
  })

  test('outlives the death of either Kafka', async () => {
    await using bridge = bridgeOf('b')
    const rounds = [ids(10), ids(10), ids(10)]
    await a.publish('a', 1, rounds[0] ?? [])
    await b.untilItHas(rounds[0] ?? [])
    await b.kill()
    await a.publish('a', 1, rounds[1] ?? [])
    await b.start()
    await b.ready()
    await b.untilItHas(rounds[1] ?? [])
    await a.kill()
    await a.start()
    await a.ready()
    await a.publish('a', 1, rounds[2] ?? [])
    await b.untilItHas(rounds.flat())
    assert.deepEqual(distinct(await b.eventIds()), sorted(rounds.flat()))
    assert.equal(bridge.positions().refused, 0)
  })

  test('a source that was made anew is read from its beginning, under its new topic id', async () => {
    await using bridge = bridgeOf('b')
    const first = ids(30)
    await a.publish('a', 1, first)
    await passed(bridge, a)
    const before = bridge.positions().sources[0]?.topicId
    await a.replace()
    await a.ready()
    const second = ids(3)
    await a.publish('a', 1, second)
    await b.untilItHas(second)
    assert.notEqual(bridge.positions().sources[0]?.topicId, before)
  })

  test('a Kafka of its own that was made anew is filled again, whatever the epoch is by now', async () => {
    await using bridge = bridgeOf('b')
    const wanted = ids(30)
    await a.publish('a', 1, wanted)
    await passed(bridge, a)
    // Nothing is left to be written that would show that the Kafka has gone.
    await eventually('the last checkpoint', async () => {
      const checkpoint = await b.use(async (session) => await readCheckpoint(session, 'a'))
      return isDeepStrictEqual(checkpoint?.offsets, offsets(bridge))
    })
    bridge.learnEpoch(2)
    await b.replace()
    await b.ready()
    assert.deepEqual(distinct(await b.untilItHas(wanted)), sorted(wanted))
    assert.equal(bridge.positions().refused, 0)
  })

  test('a Kafka that was made anew gets back what was born in its own region, and nothing goes round', async () => {
    await using toA = bridgeOf('a')
    await using toB = bridgeOf('b')
    const [fromA, fromB] = [ids(30), ids(30)]
    await Promise.all([a.publish('a', 1, fromA), b.publish('b', 2, fromB)])
    await Promise.all([a.untilItHas(fromB), b.untilItHas(fromA)])
    // By now every region has them, and no outbox does; the next primary is elsewhere.
    for (const bridge of [toA, toB]) bridge.learnEpoch(3)
    await a.replace()
    await a.ready()
    await a.untilItHas([...fromA, ...fromB])
    await Promise.all([passed(toA, b), passed(toB, a)])
    assert.deepEqual(sorted(await a.eventIds()), sorted([...fromA, ...fromB]), 'each came back once')
    assert.deepEqual(sorted(await b.eventIds()), sorted([...fromA, ...fromB]), 'nothing came to where it was already')
    await b.replace()
    await b.ready()
    await b.untilItHas([...fromA, ...fromB])
    await Promise.all([passed(toA, b), passed(toB, a)])
    assert.deepEqual(sorted(await b.eventIds()), sorted([...fromA, ...fromB]), 'from copies of copies too')
    const later = ids(3)
    await a.publish('a', 3, later)
    await b.untilItHas(later)
    assert.deepEqual([toA.positions().refused, toB.positions().refused], [0, 0])
  })

  test('a bridge that ends while its Kafka is being filled goes on, and brings nothing twice', async () => {
    const wanted = idsIn(1, 3000)
    await b.publish('a', 1, wanted, { atATime: 500, isCopy: true })
    for (let round = 0; round < 3; round += 1) {
      await using bridge = bridgeOf('a')
      await eventually('some copies', async () => bridge.positions().copied > 0 || (await a.eventIds()).length >= 3000)
    }
    await using bridge = bridgeOf('a')
    await passed(bridge, b)
    assert.deepEqual(sorted(await a.eventIds()), sorted(wanted))
  })

  test('refuses what a deposed primary writes after the next epoch is known, also when it is started anew', async () => {
    const [good, late] = [ids(5), idsIn(0, 5)]
    // In a partition that is read after that of the late ones: the epoch that it tells of must outlast the bridge.
    const next = idsIn(2, 5)
    {
      await using bridge = bridgeOf('b')
      await a.publish('a', 1, good)
      await passed(bridge, a)
      assert.equal(bridge.learnEpoch(2), true)
      assert.equal(bridge.learnEpoch(1), false)
      await a.publish('a', 1, late)
      await passed(bridge, a)
      await eventually('the refusals', async () => bridge.positions().refused === late.length)
      await a.publish('a', 3, next)
      await b.untilItHas(next)
    }
    await a.publish('a', 2, late)
    await using again = bridgeOf('b')
    await passed(again, a)
    const found = await b.eventIds()
    assert.ok(late.every((id) => !found.includes(id)))
    assert.deepEqual(distinct(found), sorted([...good, ...next]))
  })
})
