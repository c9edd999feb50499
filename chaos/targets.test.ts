// From the words of a target to links.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultKinds, faultSpec } from '#protocol/faults.ts'
import { cutOf, eachLink, linkName } from './targets.ts'

const names = (sets: Parameters<typeof eachLink>[0]): readonly string[] => eachLink(sets).map(linkName).toSorted()

const cuts: readonly (readonly [string, 'cut' | 'stay', readonly string[], readonly string[]])[] = [
  [
    'region a',
    'stay',
    ['a -> b', 'a -> c', 'b -> a', 'c -> a'],
    ['a -> ap', 'a -> eu', 'a -> na', 'ap -> a', 'eu -> a', 'na -> a'],
  ],
  ['a -> b,na', 'cut', ['a -> b', 'a -> na'], ['b -> a', 'na -> a']],
  ['a,na|b', 'cut', ['a -> b', 'b -> a', 'b -> na', 'na -> b'], ['a -> na', 'na -> a']],
  ['a|b|c', 'cut', ['a -> b', 'a -> c', 'b -> a', 'b -> c', 'c -> a', 'c -> b'], []],
  ['bridge b', 'cut', ['a -> c', 'c -> a'], ['a -> b', 'b -> a', 'b -> c', 'c -> b']],
]
for (const [target, clients, cut, spared] of cuts)
  void test(`${target}: what is cut, and what is left alone`, () => {
    const found = cutOf(target, clients)
    assert.deepEqual([names(found.cut), names(found.spared)], [cut, spared])
  })

void test('a region loses the links to all five other sites, both ways', () => {
  const found = names(cutOf('region a', 'cut').cut)
  assert.equal(found.length, 10)
  assert.ok(found.every((link) => /^a -> |-> a$/.test(link)))
})

void test('what is no cut is refused', () => {
  for (const target of ['bridge na', 'region q', 'a', 'a|', 'a <-> '])
    assert.throws(() => cutOf(target, 'cut'), RangeError, target)
})

void test('the parts that measure are no target of any fault, and it is said why; steering beside them is', () => {
  for (const target of ['client.na', 'client.*', 'app.a, client.eu'])
    for (const kind of faultKinds) {
      const read = faultSpec.safeParse({ id: 'x', kind, target, process: 'node', by: '+1m' })
      assert.equal(read.success, false, `${kind} of ${target}`)
    }
  const { error } = faultSpec.safeParse({ id: 'x', kind: 'pause', target: 'app.a, client.eu' })
  assert.match(
    error?.issues[0]?.message ?? '',
    /client measures, so what befell it would be told as the service's doing/,
  )
  const other = faultSpec.safeParse({ id: 'x', kind: 'pause', target: 'app.z' }).error
  assert.doesNotMatch(other?.issues[0]?.message ?? '', /measures/)
  for (const target of ['glb.na', 'resolver.eu', 'glb.*, resolver.*'])
    assert.ok(faultSpec.safeParse({ id: 'x', kind: 'process-kill', target }).success, target)
})
