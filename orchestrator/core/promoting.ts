// The promotion was ordered: the others are told to follow at the same moment, and its outcome is awaited.
import type { History } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import { endAttempt, higherEpoch } from './attempt.ts'
import { promotionFromCommit } from './evidence.ts'
import { strays } from './following.ts'
import { beginHold } from './holder.ts'
import type { Failure } from './inputs.ts'
import { timings } from './settings.ts'
import { announce, claimOf, type Move, type Turn } from './state.ts'

type Promoting = Extract<Move, { phase: 'promoting' }>

export function askFollows(turn: Turn): void {
  const { move } = turn.state
  if (move?.phase !== 'promoting') return
  for (const region of turn.state.settings.regions) {
    const current = turn.state.move
    if (current?.phase === 'promoting' && isDue(current.asks[region], turn.now)) askFollow(turn, current, region)
  }
}

/** Who has accepted is only looked after: it may have crashed since, or its copy may have been broken off. */
function askFollow(turn: Turn, move: Promoting, region: Region): void {
  const following = { region, primary: move.region, epoch: move.fence.claim.epoch }
  if (!move.accepted.includes(region) || strays(turn.state, following, turn.now)) return orderFollow(turn, move, region)
  const asks = { ...move.asks, [region]: turn.now + timings.followPaceMs }
  turn.state = { ...turn.state, move: { ...move, asks } }
}

export function orderFollow(turn: Turn, move: Promoting, region: Region): void {
  if (region === move.region) return
  turn.effects.push({ kind: 'follow', fence: move.fence, region, primary: move.region, history: move.history })
  turn.state = { ...turn.state, move: { ...move, asks: { ...move.asks, [region]: null } } }
}

export function onPromoteReply(
  turn: Turn,
  epoch: number,
  region: Region,
  outcome: { history: History } | Failure,
): void {
  const { move } = turn.state
  if (move?.phase !== 'promoting' || claimOf(move).epoch !== epoch || move.region !== region) return
  if ('history' in outcome) return promoted(turn, move, outcome.history)
  if (outcome.promised === null) {
    announce(
      turn,
      'promotion-unclear',
      `no word of the promotion of ${region} (${outcome.reason}); its heartbeats will tell`,
      epoch,
    )
    return
  }
  if (outcome.promised > epoch) return higherEpoch(turn, region, outcome.promised)
  endAttempt(turn, `${region} refused to be promoted: ${outcome.reason}`)
}

/** The promoted node's own heartbeat says the same as the reply, in case that one was lost. */
export function noticePromoted(turn: Turn, region: Region): void {
  const { move } = turn.state
  if (move?.phase !== 'promoting' || move.region !== region) return
  const status = turn.state.agents[region]?.status
  if (status?.state !== 'primary' || !status.epochCommitted || status.promised !== move.fence.claim.epoch) return
  // A beat carries the last epochs only; the whole history is the one that the followers were told.
  const said = status.history.at(-1)
  const known = move.history.at(-1)
  if (said?.epoch === known?.epoch && said?.startLsn === known?.startLsn) promoted(turn, move, move.history)
}

function promoted(turn: Turn, move: Promoting, history: History): void {
  const promotion = promotionFromCommit(move.fence, move.region, history)
  turn.state = { ...turn.state, move: null, attempts: 0 }
  beginHold(turn, promotion, move)
}

/** A promotion that nobody carries on is given up; one whose node is alive waits, since a rewind must not be disturbed. */
export function superviseMove(turn: Turn): void {
  const { move } = turn.state
  if (move?.phase !== 'promoting') return
  const age = turn.now - move.sinceMs
  const view = turn.state.agents[move.region]
  const alive =
    view !== undefined &&
    turn.now - view.heardMs <= timings.controllerSilentMs &&
    view.status.promised === move.fence.claim.epoch &&
    (view.status.state === 'primary' || view.status.state === 'promoting')
  if (age > (alive ? timings.promotingLongMs : timings.promotingMs))
    endAttempt(turn, `${move.region} has not had its first commit for ${Math.round(age)} ms`)
}

export function isDue(at: number | null, now: number): boolean {
  return at !== null && at <= now
}
