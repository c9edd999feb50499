// Links in real time: what takes turns does so by itself, and ends by itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '#runtime/log.ts'
import { Links } from './links.ts'
import { createSharedMemory, flowIndex, settingFields, settingWidth, SharedTable } from './shared-table.ts'

void test('a flapping link goes down and up for the data plane without another call, and stays up once it has expired', async () => {
  const table = new SharedTable(createSharedMemory())
  const links = new Links(table, createLog('wan', 'silent', {}))
  const isUp = (): boolean =>
    table.settings[table.activeOffset() + flowIndex(0, 1, 0) * settingWidth + settingFields.up] === 1
  const states: boolean[] = [isUp()]
  const turns = { onMs: 60, offMs: 60 }
  links.change([{ id: 'flap', from: ['a'], to: ['b'], set: { up: false }, turns, expiresInMs: 400 }])
  const deadline = performance.now() + 5000
  while (links.state().layers.length > 0) {
    assert.ok(performance.now() < deadline, 'expected the change to expire')
    if (isUp() !== states.at(-1)) states.push(isUp())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.ok(states.length >= 4, `expected several turns, saw ${states.join(', ')}`)
  while (!isUp()) {
    assert.ok(performance.now() < deadline, 'expected the link up after the expiry')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
})

void test('a flapping link that is healed in its down turn is up at once', () => {
  const table = new SharedTable(createSharedMemory())
  const links = new Links(table, createLog('wan', 'silent', {}))
  links.change([{ id: 'flap', from: ['a'], to: ['b'], set: { up: false }, turns: { onMs: 10_000, offMs: 50 } }])
  const isUp = (): boolean => links.state().effective.every(({ up }) => up)
  assert.equal(isUp(), false)
  links.heal('flap')
  assert.equal(isUp(), true)
})
