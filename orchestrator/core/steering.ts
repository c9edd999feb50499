// Where etcd's leader lives: with the first failover candidate, so that losing the primary's region costs no election.
import type { Region } from '#protocol/sites.ts'
import { ableCandidates } from './candidate.ts'
import { timings } from './settings.ts'
import { announce, type Hold, type State, type Turn } from './state.ts'

/** For a new holder: who is there when its epoch begins has been there for long enough. */
export function ableAtOnce(state: State, primary: Region, now: number): Hold['ableSinceMs'] {
  const sinceMs = now - timings.leaderSettleMs
  return Object.fromEntries(ableCandidates(state, primary, now).map((region) => [region, sinceMs]))
}

export function placeLeader(turn: Turn): void {
  const { hold, etcdLeader } = turn.state
  if (hold === null) return
  const primary = hold.promotion.region
  const able = ableCandidates(turn.state, primary, turn.now)
  const ableSinceMs = updated(hold.ableSinceMs, able, turn.now)
  if (ableSinceMs !== hold.ableSinceMs) turn.state = { ...turn.state, hold: { ...hold, ableSinceMs } }
  if (etcdLeader === null || !turn.state.etcdReachable || turn.state.move !== null) return
  if (turn.now - hold.leaderMoveMs < timings.leaderMovePaceMs) return
  const to = able.find((region) => turn.now - (ableSinceMs[region] ?? turn.now) >= timings.leaderSettleMs)
  if (to === undefined || to === etcdLeader) return
  const reason = `etcd's leader is in ${etcdLeader}; ${to} is the first candidate for a failover, so it moves there`
  announce(turn, 'move-leader', reason, hold.promotion.fence.claim.epoch, { from: etcdLeader, to })
  turn.effects.push({ kind: 'move-leader', promotion: hold.promotion, from: etcdLeader, to })
  turn.state = { ...turn.state, hold: { ...hold, ableSinceMs, leaderMoveMs: turn.now } }
}

function updated(before: Hold['ableSinceMs'], able: readonly Region[], now: number): Hold['ableSinceMs'] {
  const isSame = able.length === Object.keys(before).length && able.every((region) => before[region] !== undefined)
  return isSame ? before : Object.fromEntries(able.map((region) => [region, before[region] ?? now]))
}
