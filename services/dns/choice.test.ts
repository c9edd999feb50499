import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { regions, sites, type Region } from '#protocol/sites.ts'
import { chooseReadRegion, chooseWriteRegion, readableRegions, regionsByDistance, type Health } from './choice.ts'

const down = { writesSince: null, reads: 'none' } as const
function health(overrides: Partial<Health>): Health {
  return { a: down, b: down, c: down, ...overrides }
}

void describe('write region', () => {
  void it('is the one that is ready', () => {
    assert.equal(chooseWriteRegion('a', health({ b: { writesSince: 5, reads: 'fresh' } }), null), 'b')
  })
  void it('stays the last known one if none is ready', () => {
    assert.equal(chooseWriteRegion('c', health({}), 'a'), 'c')
  })
  void it('is the one that became ready last if an old primary still calls itself ready', () => {
    const both = health({ a: { writesSince: 1, reads: 'fresh' }, b: { writesSince: 9, reads: 'fresh' } })
    assert.equal(chooseWriteRegion('a', both, null), 'b')
    assert.equal(chooseWriteRegion('b', both, null), 'b')
  })
  void it('is the published one among several that are ready, but never one that is not ready', () => {
    const both = health({ a: { writesSince: 9, reads: 'fresh' }, b: { writesSince: 1, reads: 'fresh' } })
    assert.equal(chooseWriteRegion('a', both, 'b'), 'b')
    assert.equal(chooseWriteRegion('a', both, 'c'), 'a')
  })
  void it('is always a ready region if there is one', () => {
    const anyHealth = fc.record({
      a: fc.option(fc.nat(), { nil: null }),
      b: fc.option(fc.nat(), { nil: null }),
      c: fc.option(fc.nat(), { nil: null }),
    })
    const anyRegion = fc.constantFrom<Region>(...regions)
    fc.assert(
      fc.property(anyRegion, anyHealth, fc.option(anyRegion, { nil: null }), (last, since, published) => {
        const seen = Object.fromEntries(regions.map((each) => [each, { writesSince: since[each], reads: 'none' }]))
        const chosen = chooseWriteRegion(last, seen as unknown as Health, published)
        if (regions.some((each) => since[each] !== null)) assert.notEqual(since[chosen], null)
        else assert.equal(chosen, last)
      }),
    )
  })
})

void describe('read region', () => {
  void it('is the nearest readable one of every site', () => {
    const nearest = sites.map((site) => chooseReadRegion(site, new Set(regions)))
    assert.deepEqual(nearest, ['a', 'b', 'c', 'a', 'b', 'c'])
    assert.equal(chooseReadRegion('eu', new Set(['a', 'c'])), 'a')
    assert.equal(chooseReadRegion('ap', new Set(['b', 'a'])), 'a')
  })
  void it('comes from the last readable ones if none is ready', () => {
    const last = readableRegions(new Set(regions), health({ c: { writesSince: null, reads: 'fresh' } }))
    assert.deepEqual([...last], ['c'])
    assert.deepEqual([...readableRegions(last, health({}))], ['c'])
  })
  void it('may be stale only if none is fresh', () => {
    const stale = { writesSince: null, reads: 'stale' } as const
    const fresh = { writesSince: null, reads: 'fresh' } as const
    assert.deepEqual([...readableRegions(new Set(), health({ a: stale, c: fresh }))], ['c'])
    assert.deepEqual([...readableRegions(new Set(['c']), health({ a: stale }))], ['a'])
  })
  void it('puts every region into the order of distance exactly once', () => {
    for (const site of sites) assert.deepEqual([...regionsByDistance(site)].sort(), [...regions])
  })
})
