import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, type Attempt } from './acknowledge.ts'

const committed: Attempt = { kind: 'committed', id: 'x', epoch: 3, isNew: true, unvouched: false }

test('a quorum commit vouches by itself, permit or not', () => {
  for (const epoch of [null, 2, 3]) assert.equal(judge(committed, 'quorum', epoch).outcome, 'ok')
  assert.equal(judge({ ...committed, isNew: false }, 'quorum', null).status, 200)
})

test('a commit that stopped waiting is unknown', () => {
  const verdict = judge({ ...committed, unvouched: true }, 'quorum', 3)
  assert.deepEqual([verdict.outcome, verdict.status], ['unknown', 504])
})

test('without a quorum only a permit of the very epoch vouches', () => {
  assert.equal(judge(committed, 'async', 3).outcome, 'ok')
  for (const epoch of [null, 2, 4]) assert.equal(judge(committed, 'async', epoch).outcome, 'unknown')
})

test('nothing is unknown before COMMIT was sent, everything unanswered is afterwards', () => {
  const outcome = (attempt: Attempt) => judge(attempt, 'quorum', 3)
  for (const kind of ['not-tried', 'before-commit'] as const) {
    const { outcome: said, status } = outcome({ kind, reason: 'r' })
    assert.deepEqual([said, status], ['failed', 503])
  }
  assert.deepEqual(outcome({ kind: 'commit-unanswered', reason: 'r' }).outcome, 'unknown')
  assert.deepEqual(outcome({ kind: 'key-reused' }).status, 409)
})
