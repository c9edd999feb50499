import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { History } from '#protocol/epoch.ts'
import { regions } from '#protocol/sites.ts'
import {
  decideFollow,
  decidePromise,
  decidePromote,
  decideTimeline,
  endOfReplay,
  followerName,
  followerRegion,
  quorumStandbys,
  resolveAhead,
  needsCopy,
  rewoundFarEnough,
  strayingSince,
  type FollowOrder,
  type Kept,
  type NodeView,
} from './decisions.ts'

const begun: History = [{ epoch: 1, startLsn: '0/100' }]
const next: History = [...begun, { epoch: 2, startLsn: '0/200' }]

function view(change: Partial<NodeView> = {}, kept: Partial<Kept> = {}): NodeView {
  return {
    region: 'b',
    kept: { promised: 2, history: begun, begun: 0, half: null, ahead: null, ...kept },
    duty: { kind: 'none' },
    endLsn: '0/200',
    ...change,
  }
}

const order = (change: Partial<FollowOrder> = {}): FollowOrder => ({
  epoch: 2,
  primary: 'a',
  history: next,
  ahead: false,
  ...change,
})

void test('a promise rises, repeats, and never falls', () => {
  assert.equal(decidePromise(view(), 1).kind, 'refuse')
  assert.equal(decidePromise(view(), 2).kind, 'repeat')
  assert.deepEqual(decidePromise(view(), 3), { kind: 'raise', stopPrimary: false })
  assert.deepEqual(decidePromise(view({ duty: { kind: 'primary', epoch: 2 } }), 3), {
    kind: 'raise',
    stopPrimary: true,
  })
})

void test('a node that was attached ahead is cut by a promise of the same epoch: the promotion may never come', () => {
  const ahead = { epoch: 2, timeline: 1 }
  const attached = view({ duty: { kind: 'follower', epoch: 2, primary: 'a' }, endLsn: null }, { ahead })
  assert.deepEqual(decidePromise(attached, 2), { kind: 'raise', stopPrimary: false })
  // Cut once, it looks for the end of its WAL, and being asked again must not make it begin anew.
  assert.equal(decidePromise(view({ endLsn: null }, { ahead }), 2).kind, 'repeat')
  const following = view({ duty: { kind: 'follower', epoch: 2, primary: 'a' }, endLsn: null })
  assert.equal(decidePromise(following, 2).kind, 'repeat')
})

void test('a node is promoted only under exactly its promise, whole, idle, and with the end of its WAL known', () => {
  assert.deepEqual(decidePromote(view(), 2), { kind: 'promote', startLsn: '0/200', history: next })
  assert.equal(decidePromote(view(), 1).kind, 'refuse')
  assert.equal(decidePromote(view(), 3).kind, 'refuse')
  assert.equal(decidePromote(view({ endLsn: null }), 2).kind, 'refuse')
  assert.equal(decidePromote(view({}, { half: { epoch: 2, primary: 'a' } }), 2).kind, 'refuse')
  assert.equal(decidePromote(view({ duty: { kind: 'follower', epoch: 2, primary: 'a' } }), 2).kind, 'refuse')
  assert.equal(decidePromote(view({ duty: { kind: 'primary', epoch: 2 } }), 2).kind, 'already')
})

void test('an epoch that was begun is not begun again, not even if no byte of it was flushed', () => {
  assert.equal(decidePromote(view({}, { history: next }), 2).kind, 'refuse')
})

void test('following is refused below the promise, adopts above it, and has one primary in an epoch', () => {
  assert.equal(decideFollow(view({}, { promised: 3 }), order()).kind, 'refuse')
  assert.equal(decideFollow(view({}, { promised: 1 }), order()).kind, 'adopt')
  assert.equal(decideFollow(view(), order({ primary: 'b' })).kind, 'refuse')
  assert.equal(decideFollow(view(), order({ history: begun })).kind, 'refuse')
  assert.equal(decideFollow(view({ duty: { kind: 'primary', epoch: 2 } }), order()).kind, 'refuse')
  const following = view({ duty: { kind: 'follower', epoch: 2, primary: 'a' }, endLsn: null })
  assert.equal(decideFollow(following, order()).kind, 'repeat')
  assert.equal(decideFollow(following, order({ primary: 'c' })).kind, 'refuse')
})

void test('only a prefix is attached; a tail is rewound, a half-made cluster is copied anew', () => {
  assert.deepEqual(decideFollow(view(), order()), { kind: 'attach' })
  assert.deepEqual(decideFollow(view({ endLsn: '0/210' }), order()), { kind: 'rewind', forkLsn: '0/200' })
  assert.deepEqual(decideFollow(view({ endLsn: null }), order()), { kind: 'locate' })
  assert.deepEqual(decideFollow(view({}, { half: { epoch: 1, primary: 'c' } }), order()), { kind: 'basebackup' })
})

void test('a node that was attached ahead leaves the one that was not promoted, at the word of who was', () => {
  const ahead = { epoch: 2, timeline: 1 }
  const duty = { kind: 'follower', epoch: 2, primary: 'a' } as const
  const whole = order({ primary: 'c' })
  assert.deepEqual(decideFollow(view({ duty, endLsn: null }, { ahead }), whole), { kind: 'adopt' })
  assert.equal(
    decideFollow(view({ duty, endLsn: null }, { ahead }), { ...whole, ahead: true, history: begun }).kind,
    'refuse',
  )
  assert.equal(decideFollow(view({ duty, endLsn: null }), whole).kind, 'refuse')
})

void test('ahead of a promotion only a prefix that has WAL of the last epoch is attached', () => {
  const ahead = order({ history: begun, ahead: true })
  assert.deepEqual(decideFollow(view(), ahead), { kind: 'attach' })
  assert.equal(decideFollow(view({ endLsn: '0/100' }), ahead).kind, 'refuse')
  assert.equal(decideFollow(view({}, { history: [{ epoch: 1, startLsn: '0/80' }] }), ahead).kind, 'refuse')
  assert.equal(decideFollow(view({}, { half: { epoch: 1, primary: 'c' } }), ahead).kind, 'refuse')
  assert.equal(decideFollow(view(), order({ ahead: true })).kind, 'refuse')
})

void test('attached ahead, the first later timeline is where the epoch began', () => {
  const forks = [
    { timeline: 4, forkLsn: '0/300' },
    { timeline: 2, forkLsn: '0/100' },
    { timeline: 3, forkLsn: '0/200' },
  ]
  assert.deepEqual(resolveAhead(begun, { epoch: 2, timeline: 2 }, forks), next)
  assert.deepEqual(resolveAhead(begun, { epoch: 2, timeline: 4 }, forks), begun)
})

void test('k + 1 is a majority, and only followers of the same epoch are named', () => {
  assert.equal(quorumStandbys(regions, 'b', 7), 'ANY 1 ("a-7", "c-7")')
  assert.equal(followerRegion(regions, followerName('c', 7), 7), 'c')
  assert.equal(followerRegion(regions, followerName('c', 7), 8), null)
})

void test('replay has ended only in a sleep that began after the last byte came', () => {
  const before = { sleeps: 5, waitEvent: 'RecoveryRetrieveRetryInterval', replayLsn: '0/100' }
  assert.equal(endOfReplay(before, before), null)
  assert.equal(endOfReplay(before, { ...before, sleeps: 6, waitEvent: 'WALRead' }), null)
  assert.equal(endOfReplay(before, { ...before, sleeps: 6, replayLsn: '0/180' }), '0/180')
})

void test('a rewind that did not go back to the fork is none', () => {
  assert.equal(rewoundFarEnough(null, '0/200'), false)
  assert.equal(rewoundFarEnough('0/210', '0/200'), false)
  assert.equal(rewoundFarEnough('0/200', '0/200'), true)
  assert.equal(rewoundFarEnough('0/1F0', '0/200'), true)
})

void test("a follower takes its primary's word for the new timeline, in its own epoch and at the known place only", () => {
  const word = { epoch: 2, primary: 'a' as const, timeline: 3, forkLsn: '0/200' }
  const follower = view({ duty: { kind: 'follower', epoch: 2, primary: 'a' } }, { history: next })
  assert.equal(decideTimeline(follower, word).kind, 'plant')
  assert.equal(decideTimeline(view(), word).kind, 'keep', 'the order to follow has not come yet')
  assert.equal(decideTimeline(follower, { ...word, epoch: 3 }).kind, 'refuse')
  assert.equal(decideTimeline(follower, { ...word, primary: 'c' }).kind, 'refuse')
  assert.equal(decideTimeline(follower, { ...word, forkLsn: '0/300' }).kind, 'refuse')
  assert.equal(decideTimeline({ ...follower, duty: { kind: 'primary', epoch: 2 } }, word).kind, 'refuse')
  const half = { ...follower, kept: { ...follower.kept, half: { epoch: 2, primary: 'a' as const } } }
  assert.equal(decideTimeline(half, word).kind, 'refuse')
})

void test('attached ahead, a follower takes only a timeline that it has not seen before', () => {
  const ahead = view({ duty: { kind: 'follower', epoch: 2, primary: 'a' } }, { ahead: { epoch: 2, timeline: 2 } })
  const word = { epoch: 2, primary: 'a' as const, forkLsn: '0/200' }
  assert.equal(decideTimeline(ahead, { ...word, timeline: 3 }).kind, 'plant')
  assert.equal(decideTimeline(ahead, { ...word, timeline: 2 }).kind, 'refuse')
})

void test('a follower needs a fresh copy once it was seen not to stream, order after order, from a primary at work', () => {
  const stray = { streaming: false, primaryAtWork: true }
  const told = (seen: readonly (readonly [now: number, attached: typeof stray])[]): boolean => {
    const since = seen.reduce<number | null>((before, [now, attached]) => strayingSince(before, attached, now), null)
    return needsCopy(since, seen.at(-1)?.[0] ?? 0)
  }
  // The first order after a long partition says nothing yet.
  assert.equal(told([[60_000, stray]]), false)
  assert.equal(told([1000, 8000, 15_900].map((now) => [now, stray] as const)), false)
  assert.equal(told([1000, 8000, 16_000].map((now) => [now, stray] as const)), true)
  for (const other of [
    { streaming: true, primaryAtWork: false },
    { streaming: false, primaryAtWork: false },
  ])
    assert.equal(
      told([
        [1000, stray],
        [8000, other],
        [16_000, stray],
      ]),
      false,
    )
})
