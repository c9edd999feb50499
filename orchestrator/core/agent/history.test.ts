import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { lsnFromBigInt, type History } from '#protocol/epoch.ts'
import { comparePositions, effectiveHistory, extendHistory, historyFlaw, positionAt, relate } from './history.ts'

const lsn = (value: number): string => lsnFromBigInt(BigInt(value))
const entry = (epoch: number, start: number): History[number] => ({ epoch, startLsn: lsn(start) })

void test('a position is of the epoch of its last byte: an epoch counts once a byte of it is flushed', () => {
  const history = [entry(1, 100), entry(3, 200)]
  assert.deepEqual(positionAt(history, lsn(100)), { epoch: 0, lsn: lsn(100) })
  assert.deepEqual(positionAt(history, lsn(101)), { epoch: 1, lsn: lsn(101) })
  assert.deepEqual(positionAt(history, lsn(200)), { epoch: 1, lsn: lsn(200) })
  assert.deepEqual(positionAt(history, lsn(201)), { epoch: 3, lsn: lsn(201) })
})

void test('the epoch comes before the LSN: a longer tail of a lower epoch is behind', () => {
  assert.ok(comparePositions({ epoch: 2, lsn: lsn(0x900) }, { epoch: 3, lsn: lsn(0x10) }) < 0)
  assert.ok(comparePositions({ epoch: 3, lsn: '1/0' }, { epoch: 3, lsn: '0/FFFFFFFF' }) > 0)
})

void test('the unacked tail of an old primary is divergent from where the next epoch begins', () => {
  const primary = [entry(1, 100), entry(2, 200)]
  assert.deepEqual(relate([entry(1, 100)], lsn(250), primary), { kind: 'divergent', forkLsn: lsn(200) })
  assert.deepEqual(relate([entry(1, 100)], lsn(200), primary), { kind: 'prefix' })
})

void test('an epoch that only one of the two has begun is no part of the other', () => {
  const own = [entry(1, 100), entry(2, 200)]
  assert.deepEqual(relate(own, lsn(230), [entry(1, 100), entry(3, 220)]), { kind: 'divergent', forkLsn: lsn(200) })
  assert.deepEqual(relate(own, lsn(230), [entry(1, 100), entry(3, 150)]), { kind: 'divergent', forkLsn: lsn(150) })
  // Begun, but not a byte of it flushed: nothing diverges.
  assert.deepEqual(relate(own, lsn(200), [entry(1, 100), entry(3, 220)]), { kind: 'prefix' })
})

void test('a malformed history is named', () => {
  assert.equal(historyFlaw([entry(1, 100), entry(2, 100)], 2), null)
  assert.match(historyFlaw([entry(2, 100), entry(2, 200)], 2) ?? '', /rising epochs/)
  assert.match(historyFlaw([entry(1, 200), entry(2, 100)], 2) ?? '', /start at or after/)
  assert.match(historyFlaw([entry(1, 100)], 2) ?? '', /ends with epoch 2/)
  assert.match(historyFlaw([], 2) ?? '', /saw none/)
})

/** A log of bytes, each marked with its epoch and the writer's run, and the history that its node keeps. */
type Node = { bytes: string[]; history: History }

const copyUpTo = (source: Node, length: number): Node => ({
  bytes: source.bytes.slice(0, length),
  history: effectiveHistory(source.history, lsn(length)),
})

/** Nodes that were promoted, wrote and copied each other at will; epochs are never used twice. */
const worlds = fc
  .array(
    fc.record({
      node: fc.nat(2),
      from: fc.nat(2),
      keep: fc.nat(40),
      write: fc.nat(5),
      kind: fc.constantFrom('begin' as const, 'copy' as const),
    }),
    { maxLength: 30 },
  )
  .map((steps) => {
    const nodes: Node[] = [0, 1, 2].map(() => ({ bytes: [], history: [] }))
    for (const [index, step] of steps.entries()) {
      const source = nodes[step.from]
      const node = nodes[step.node]
      assert.ok(source !== undefined && node !== undefined)
      if (step.kind === 'copy') nodes[step.node] = copyUpTo(source, Math.min(step.keep, source.bytes.length))
      else {
        node.history = extendHistory(node.history, lsn(node.bytes.length), index + 1)
        for (let byte = 0; byte < step.write; byte += 1) node.bytes.push(`${index + 1}`)
      }
    }
    return nodes
  })

void test('property: a prefix by history is a prefix byte by byte, and a fork lies in bytes that both share', () => {
  fc.assert(
    fc.property(worlds, fc.nat(2), fc.nat(2), (nodes, first, second) => {
      const own = nodes[first]
      const primary = nodes[second]
      assert.ok(own !== undefined && primary !== undefined)
      // The primary begins an epoch of its own, as every primary does before anybody follows it.
      const history = extendHistory(primary.history, lsn(primary.bytes.length), 1000)
      const relation = relate(own.history, lsn(own.bytes.length), history)
      const shared = own.bytes.findIndex((byte, index) => byte !== primary.bytes[index])
      const isPrefix = shared === -1
      assert.equal(relation.kind === 'prefix', isPrefix)
      if (relation.kind === 'divergent') assert.equal(relation.forkLsn, lsn(shared))
    }),
    { numRuns: 2000 },
  )
})

void test('property: positions order nodes as their last epochs do, then as their lengths do', () => {
  fc.assert(
    fc.property(worlds, (nodes) => {
      for (const node of nodes) {
        const position = positionAt(node.history, lsn(node.bytes.length))
        assert.equal(position.epoch, Number(node.bytes.at(-1) ?? 0))
      }
    }),
  )
})
