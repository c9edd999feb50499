// Home becomes primary again, though an order may be refused for a reason that passes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Region } from '#protocol/sites.ts'
import { createFakeWorld } from '#chaos/fake-world.ts'
import { wholeView } from './fake-view.ts'
import { bringHome } from './ready-world.ts'

void test('home is brought back by an order that is given again if it was refused, and by none where it is primary', async () => {
  let primary: Region = 'b'
  let orders = 0
  const notes: string[] = []
  const rig = {
    view: () => Promise.resolve(wholeView(primary)),
    switchover: (_world: unknown, to: Region): Promise<void> => {
      orders += 1
      if (orders < 2) return Promise.reject(new Error('the outcome of the compare-and-swap is unknown'))
      primary = to
      return Promise.resolve()
    },
  }
  const bring = (): Promise<void> =>
    bringHome(createFakeWorld(), (text) => notes.push(text), new AbortController().signal, rig)
  await bring()
  assert.equal(primary, 'a')
  assert.equal(orders, 2)
  assert.deepEqual(notes, ['the outcome of the compare-and-swap is unknown'])
  await bring()
  assert.equal(orders, 2)
})
