// When a disk counts as full, on a disk of which the test says how much is free.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Room } from './room.ts'

const mebibyte = 2 ** 20

void test('a disk without room for a segment of WAL is short, until there is room again', async (context: TestContext) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const free = [100 * mebibyte, 3 * mebibyte, mebibyte, null, 0, 100 * mebibyte]
  const told: boolean[] = []
  const room = new Room(
    '/data',
    (isShort) => told.push(isShort),
    () => Promise.resolve(free.shift() ?? null),
  )
  room.start()
  while (free.length > 0) {
    await new Promise(setImmediate)
    context.mock.timers.tick(200)
  }
  await new Promise(setImmediate)
  room.stop()
  assert.deepEqual(told, [true, false])
  assert.equal(room.isShort, false)
})
