// Where etcd's leader lives: with the first failover candidate, so that losing the primary's region costs no election.
import { firstCandidate } from './candidate.ts'
import { timings } from './settings.ts'
import { announce, type Turn } from './state.ts'

export function placeLeader(turn: Turn): void {
  const { hold, etcdLeader } = turn.state
  if (hold === null || etcdLeader === null || !turn.state.etcdReachable) return
  if (turn.now - hold.leaderMoveMs < timings.leaderMovePaceMs) return
  const to = firstCandidate(turn.state, hold.promotion.region, turn.now)
  if (to === null || to === etcdLeader) return
  const reason = `etcd's leader is in ${etcdLeader}; ${to} is the first candidate for a failover, so it moves there`
  announce(turn, 'move-leader', reason, hold.promotion.fence.claim.epoch, { from: etcdLeader, to })
  turn.effects.push({ kind: 'move-leader', promotion: hold.promotion, from: etcdLeader, to })
  turn.state = { ...turn.state, hold: { ...hold, leaderMoveMs: turn.now } }
}
