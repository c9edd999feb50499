import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptWriteRegion, noAuthority } from './core/authority.ts'
import { WriteDoor, type Tried } from './write-door.ts'

const write = { idempotencyKey: 'a-key-of-eight', order: { customer: 'Ada', item: 'lamp', quantity: 1 } }
const done: Tried = { answer: { status: 201, body: {} }, isUntouched: false }
const untouched: Tried = { answer: { status: 503, body: {} }, isUntouched: true }
const unknown: Tried = { answer: { status: 504, body: {} }, isUntouched: false }

function setUp(answers: Tried[], isReady = true) {
  const world = { epoch: 1, isReady, looks: 0, tries: 0 }
  const door: WriteDoor = new WriteDoor({
    authority: () =>
      acceptWriteRegion(noAuthority('a'), { dataSet: 'orders', epoch: world.epoch, region: 'a' }, 0n, 3000).authority,
    app: () => '127.0.0.1:1',
    writeHere: async () => {
      world.tries += 1
      return answers.shift() ?? done
    },
    isReady: () => world.isReady,
    isPromoted: () => false,
    look: async () => {
      world.looks += 1
    },
    refuse: (reason) => ({ status: 503, body: { reason } }),
  })
  door.wake()
  return { door, world }
}

test('a write that Postgres never saw is tried again once Postgres is back', async () => {
  const { door, world } = setUp([untouched])
  world.isReady = false
  const answer = door.pass(write, 0)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([world.tries, world.looks], [1, 1])
  world.isReady = true
  door.wake()
  assert.equal((await answer).status, 201)
})

test('a write that may be done is never tried again', async () => {
  const { door, world } = setUp([unknown])
  assert.equal((await door.pass(write, 0)).status, 504)
  assert.equal(world.tries, 1)
})

test('a Postgres that keeps refusing is not asked for ever', async () => {
  const { door, world } = setUp(Array.from({ length: 100 }, () => untouched))
  assert.equal((await door.pass(write, 0)).status, 503)
  assert.ok(world.tries < 10, `saw ${world.tries} tries`)
})

test('a region that has not been ready lately keeps no write', async () => {
  const { door, world } = setUp([untouched], false)
  assert.equal((await door.pass(write, 0)).status, 503)
  assert.equal(world.tries, 1)
})

test('only a drain whose time has run out says so; one that a later epoch has ended is forgotten', async () => {
  const { door, world } = setUp([])
  const ended: number[] = []
  const timers: Promise<void>[] = []
  for (const epoch of [2, 3]) {
    assert.ok(door.beginDrain({ dataSet: 'orders', epoch, forwardTo: 'a', holdMs: 5 }, () => ended.push(epoch)))
    timers.push(new Promise((resolve) => setTimeout(resolve, 10)))
    if (epoch === 2) world.epoch = 2
    door.wake()
    await timers.at(-1)
  }
  assert.deepEqual(ended, [3])
})

test('a drain for its own region keeps a write until the next epoch is there and Postgres is ready in it', async () => {
  const { door, world } = setUp([])
  assert.ok(door.beginDrain({ dataSet: 'orders', epoch: 2, forwardTo: 'a', holdMs: 60_000 }, () => undefined))
  const answer = door.pass(write, 0)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(world.tries, 0)
  world.isReady = false
  world.epoch = 2
  door.wake()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(world.tries, 0, 'told of the epoch, not ready yet')
  world.isReady = true
  door.wake()
  assert.equal((await answer).status, 201)
})
