// An attempt to begin a new epoch: how it starts, how it ends without a promotion, and whom it answers.
import type { EpochRecord } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import { timings } from './settings.ts'
import type { Replaced } from './evidence.ts'
import { announce, claimOf, type Goal, type Move, type State, type Turn } from './state.ts'

/** The primary that the record names, or the last one that it named. */
export function lastPrimary(record: EpochRecord | null): Region | null {
  return record === null ? null : (record.primary ?? record.previous)
}

/** Take a fresh epoch: above everything heard of, so that no promise refuses it. */
export function begin(turn: Turn, goal: Goal): void {
  const { state, now } = turn
  const { settings } = state
  const current = state.record?.record ?? null
  const epoch = 1 + Math.max(current?.epoch ?? 0, state.heardEpoch)
  const record: EpochRecord = {
    epoch,
    owner: settings.region,
    incarnation: settings.incarnation,
    state: 'claimed',
    primary: null,
    previous: lastPrimary(current),
    history: current?.history ?? [],
  }
  turn.state = { ...state, move: { phase: 'claiming', goal, epoch, sinceMs: now, record, replaced: replaced(state) } }
  turn.effects.push({ kind: 'claim', record, expectRevision: state.record?.revision ?? '0' })
}

/** An epoch of this run under which nothing was promoted counts as what it had replaced. */
function replaced({ record: view, settings, unused }: State): Replaced {
  const record = view?.record ?? null
  if (record === null) return 'nothing'
  if (record.state === 'active') return 'active'
  return record.incarnation === settings.incarnation && record.epoch === unused?.epoch ? unused.replaced : 'claimed'
}

export function goalReason(goal: Goal): string {
  if (goal.kind === 'first-start') return 'No epoch yet and a majority of nodes waits'
  if (goal.kind === 'switchover') return `Planned switchover from ${goal.from} to ${goal.to} (${goal.why})`
  return `Failover (${goal.why})`
}

/** The attempt is over without a promotion; a fresh epoch after a hold-down that grows. */
export function endAttempt(turn: Turn, why: string): void {
  const { move } = turn.state
  if (move === null) return
  const attempts = turn.state.attempts + 1
  const notBeforeMs = turn.now + timings.retryMs * Math.min(attempts, 5)
  const epoch = move.phase === 'claiming' ? move.epoch : claimOf(move).epoch
  announce(turn, 'attempt-ended', why, epoch)
  answerGoal(turn, move.goal, false, why)
  if (move.goal.kind === 'switchover' && move.phase !== 'claiming')
    turn.effects.push({ kind: 'undrain', claim: claimOf(move), region: move.goal.from })
  // Nothing was promoted: whoever was cut off may go on, or be failed over from again.
  if (move.phase === 'fencing' && move.device !== 'none' && move.goal.kind === 'failover' && move.goal.old !== null)
    turn.effects.push({ kind: 'unfence', claim: move.claim, region: move.goal.old })
  const { unused } = turn.state
  turn.state = { ...turn.state, move: null, attempts, notBeforeMs, unused: unusedOf(move) ?? unused }
  turn.effects.push({ kind: 'read-record' }, { kind: 'beat' })
}

function unusedOf(move: Move): State['unused'] {
  if (move.phase === 'promoting') return null
  if (move.phase === 'claiming') return { epoch: move.epoch, replaced: move.replaced }
  return { epoch: move.claim.epoch, replaced: move.claim.replaced }
}

/** Somebody took a higher epoch: this attempt is over, whatever it had. */
export function higherEpoch(turn: Turn, region: Region, promised: number): void {
  turn.state = { ...turn.state, heardEpoch: Math.max(turn.state.heardEpoch, promised), heardEpochMs: turn.now }
  endAttempt(turn, `${region} has promised epoch ${promised}, which is higher`)
}

export function answerGoal(turn: Turn, goal: Goal, done: boolean, reason: string): void {
  if (goal.kind === 'first-start' || goal.request === null) return
  const record = turn.state.record?.record ?? null
  const primary = turn.state.hold?.promotion.region ?? record?.primary ?? null
  turn.effects.push({
    kind: 'answer',
    request: goal.request,
    reply: { done, epoch: record?.epoch ?? 0, primary, reason },
  })
}
