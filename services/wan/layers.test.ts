// Base delays, layering by id, class and field, expiry.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { baseDelayMs, linkClasses, sites } from '#protocol/sites.ts'
import type { LinkChange } from '#protocol/wan.ts'
import {
  addLayers,
  effectiveSetting,
  inForce,
  isControlCut,
  nextTurnMs,
  removeLayers,
  withoutExpired,
} from './layers.ts'

const nobody = new Set<never>()

void test('base delays: 40 ms between regions, 10 ms to the near region, 50 ms else', () => {
  assert.equal(baseDelayMs('a', 'c'), 40)
  for (const [area, region] of [
    ['na', 'a'],
    ['eu', 'b'],
    ['ap', 'c'],
  ] as const) {
    assert.equal(baseDelayMs(area, region), 10)
    assert.equal(baseDelayMs(region, area), 10)
  }
  assert.equal(baseDelayMs('na', 'b'), 50)
  assert.equal(baseDelayMs('b', 'na'), 50)
  assert.equal(baseDelayMs('na', 'eu'), 50)
})

void test('later changes win field by field, and a class over all traffic, whichever came first', () => {
  const layers = addLayers(
    [],
    [
      { id: 'one', from: ['a'], to: ['b'], class: 'postgres', set: { delayMs: 200, bandwidthBps: 1000 } },
      { id: 'two', from: ['a'], to: ['b', 'c'], set: { delayMs: 90, loss: 0.1 } },
      { id: 'three', from: ['a'], to: ['b'], set: { loss: 0.2, bandwidthBps: 5 } },
    ],
    0,
  )
  const app = effectiveSetting(layers, nobody, 'a', 'b', 'app')
  assert.deepEqual(app, {
    up: true,
    delayMs: 90,
    jitter: 0,
    loss: 0.2,
    reorder: 0,
    bandwidthBps: 5,
    ownBandwidth: false,
  })
  const postgres = effectiveSetting(layers, nobody, 'a', 'b', 'postgres')
  assert.deepEqual(postgres, { ...app, delayMs: 200, bandwidthBps: 1000, ownBandwidth: true })
  assert.equal(effectiveSetting(layers, nobody, 'a', 'c', 'postgres').delayMs, 90)
  assert.equal(effectiveSetting(layers, nobody, 'b', 'a', 'postgres').delayMs, 40, 'the other direction is untouched')
})

void test('base lies below the others whenever it is changed, and healing an id removes all its changes and no others', () => {
  const change = (id: string, delayMs: number, to: 'b' | 'c' = 'b'): LinkChange => ({
    id,
    from: ['a'],
    to: [to],
    set: { delayMs },
  })
  const layers = addLayers([], [change('x', 1), change('x', 2, 'c'), change('base', 3)], 0)
  assert.equal(effectiveSetting(layers, nobody, 'a', 'b', 'app').delayMs, 1)
  const healed = removeLayers(layers, 'x')
  assert.equal(effectiveSetting(healed, nobody, 'a', 'b', 'app').delayMs, 3)
  assert.equal(effectiveSetting(healed, nobody, 'a', 'c', 'app').delayMs, 40)
})

void test('a repeated change replaces the earlier one, so its expiry is renewed', () => {
  const change: LinkChange = { id: 'x', from: ['a', 'b'], to: ['c'], set: { up: false }, expiresInMs: 100 }
  const renewed = addLayers(addLayers([], [change], 0), [{ ...change, from: ['b', 'a'] }], 50)
  assert.equal(renewed.length, 1)
  assert.equal(nextTurnMs(renewed, 50), 150)
  assert.equal(withoutExpired(renewed, 149).length, 1)
  assert.equal(withoutExpired(renewed, 150).length, 0)
})

void test('a change that takes turns comes and goes from its arrival on, until it expires', () => {
  const turns = { onMs: 300, offMs: 200 }
  const change: LinkChange = { id: 'flap', from: ['a'], to: ['b'], set: { up: false }, turns, expiresInMs: 1100 }
  const layers = addLayers([], [change], 1000)
  const seen = [1000, 1299, 1300, 1499, 1500, 1799, 1800, 2000, 2099, 2100].map((nowMs) => [
    effectiveSetting(inForce(layers, nowMs), nobody, 'a', 'b', 'app').up,
    nextTurnMs(layers, nowMs),
  ])
  assert.deepEqual(seen, [
    [false, 1300],
    [false, 1300],
    [true, 1500],
    [true, 1500],
    [false, 1800],
    [false, 1800],
    [true, 2000],
    [false, 2100],
    [false, 2100],
    [true, 2100],
  ])
})

void test('a fence cuts every link of the site both ways, also one that a class setting holds up', () => {
  const layers = addLayers([], [{ id: 'x', from: ['a'], to: ['b'], class: 'control', set: { up: true } }], 0)
  const fenced = new Set(['a'] as const)
  for (const other of sites.filter((site) => site !== 'a')) {
    for (const linkClass of linkClasses) {
      assert.equal(effectiveSetting(layers, fenced, 'a', other, linkClass).up, false)
      assert.equal(effectiveSetting(layers, fenced, other, 'a', linkClass).up, false)
    }
  }
  assert.equal(effectiveSetting(layers, fenced, 'b', 'c', 'app').up, true)
})

void test('the links of a site are cut by faults or by its own fence, not by the fences of all others', () => {
  const cut = addLayers([], [{ id: 'x', from: ['c'], to: ['a', 'b'], set: { up: false } }], 0)
  assert.equal(isControlCut(cut, nobody, 'c'), true)
  assert.equal(isControlCut(cut, nobody, 'a'), false)
  assert.equal(isControlCut([], new Set(['c'] as const), 'c'), true)
  assert.equal(isControlCut([], new Set(['a', 'b'] as const), 'c'), false)
})

void test('healing everything that was ever changed gives the base back', () => {
  const site = fc.constantFrom(...sites)
  const change = fc.record(
    {
      id: fc.constantFrom('x', 'y', 'base'),
      from: fc.uniqueArray(site, { minLength: 1 }),
      to: fc.uniqueArray(site, { minLength: 1 }),
      class: fc.constantFrom(...linkClasses),
      set: fc.record({ up: fc.boolean(), delayMs: fc.nat(100) }, { requiredKeys: [] }),
    },
    { requiredKeys: ['id', 'from', 'to', 'set'] },
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), site, site, (changes, from, to) => {
      const layers = ['x', 'y', 'base'].reduce<ReturnType<typeof addLayers>>(removeLayers, addLayers([], changes, 0))
      assert.deepEqual(effectiveSetting(layers, nobody, from, to, 'app'), effectiveSetting([], nobody, from, to, 'app'))
    }),
  )
})
