// Links in real time: what takes turns does so by itself, and ends by itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '#runtime/log.ts'
import { addLayers, renewLayers } from './layers.ts'
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

const cut = (id: string, more: object = {}) => ({
  id,
  from: ['a' as const],
  to: ['b' as const],
  set: { up: false },
  ...more,
})

void test('a change that ends is told with its time and why: expired, removed, replaced', async () => {
  const links = new Links(new SharedTable(createSharedMemory()), createLog('wan', 'silent', {}))
  const why = (): readonly string[] => links.state().ended.map((each) => `${each.id} ${each.why}`)
  const beganNs = BigInt(links.state().atNs)
  links.change([cut('one'), cut('two', { expiresInMs: 60 }), { ...cut('two'), to: ['c'], expiresInMs: 60 }])
  const changedNs = links.change([cut('one')])
  assert.deepEqual(links.state().ended, [{ id: 'one', why: 'replaced', atNs: changedNs.toString() }])
  const healedNs = links.heal('one')
  assert.deepEqual(links.state().ended[1], { id: 'one', why: 'removed', atNs: healedNs.toString() })
  const deadline = performance.now() + 5000
  while (why().length < 3) {
    assert.ok(performance.now() < deadline, `expected the expiry, saw ${why().join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal(why()[2], 'two expired')
  const afterMs = Number(BigInt(links.state().ended[2]?.atNs ?? 0) - beganNs) / 1e6
  assert.ok(afterMs >= 60 && afterMs < 2000, `expected the end after 60 ms, saw ${afterMs}`)
  links.heal('two')
  assert.equal(why().length, 3)
})

void test('a renewal moves the end, keeps turns and order, and brings nothing back', () => {
  let layers = addLayers([], [cut('flap', { turns: { onMs: 100, offMs: 50 }, expiresInMs: 1000 })], 0)
  layers = addLayers(layers, [{ ...cut('above'), set: { up: true }, expiresInMs: 1000 }, cut('stays')], 10)
  layers = renewLayers(layers, 'flap', 5000)
  layers = renewLayers(layers, 'stays', 5000)
  assert.deepEqual(
    layers.map((layer) => [layer.change.id, layer.sinceMs, layer.expiresAtMs]),
    [
      ['flap', 0, 5000],
      ['above', 10, 1010],
      ['stays', 10, null],
    ],
  )
  const links = new Links(new SharedTable(createSharedMemory()), createLog('wan', 'silent', {}))
  links.renew('flap', 1000)
  assert.deepEqual(links.state().layers, [])
})

void test('of two cuts of the same links, the healing of either leaves the other in force, with its turns', () => {
  for (const [first, second] of [
    ['one', 'two'],
    ['two', 'one'],
  ] as const) {
    const links = new Links(new SharedTable(createSharedMemory()), createLog('wan', 'silent', {}))
    links.change([cut('one')])
    links.change([cut('two', { turns: { onMs: 60_000, offMs: 50 } })])
    const isUp = (): boolean | undefined =>
      links.state().effective.find((each) => each.from === 'a' && each.to === 'b')?.up
    links.heal(first)
    assert.equal(isUp(), false, `${second} alone`)
    links.heal(second)
    assert.equal(isUp(), true)
  }
})
