// The compare-and-swap has been answered: won, lost, or nobody knows.
import type { EpochRecord } from '#protocol/epoch.ts'
import { endAttempt, goalReason } from './attempt.ts'
import { claimFromSwap } from './evidence.ts'
import { beginFencing } from './fencing.ts'
import { dropHold } from './holder.ts'
import type { SwapOutcome } from './inputs.ts'
import { beginPreparing } from './switchover.ts'
import { announce, type State, type Turn } from './state.ts'

export function onClaimReply(turn: Turn, epoch: number, outcome: SwapOutcome): void {
  const { move } = turn.state
  if (move === null || move.phase !== 'claiming' || move.epoch !== epoch) return
  if (outcome.result === 'won') {
    const claim = claimFromSwap(epoch, outcome.revision, move.replaced)
    turn.state = { ...turn.state, record: claimedView(turn, move.record, outcome), attempts: 0 }
    dropHold(turn, `epoch ${epoch} was taken here`)
    announce(turn, 'epoch-taken', `${goalReason(move.goal)}: the compare-and-swap for epoch ${epoch} was won`, epoch)
    turn.effects.push({ kind: 'beat' })
    if (move.goal.kind === 'switchover') beginPreparing(turn, move.goal, claim)
    else beginFencing(turn, { goal: move.goal, claim, attached: [], promises: [], floor: null })
    return
  }
  const why =
    outcome.result === 'lost'
      ? `the compare-and-swap for epoch ${epoch} was lost: another controller was first`
      : `the outcome of the compare-and-swap for epoch ${epoch} is unknown (${outcome.reason}), so it counts as not ours`
  turn.state = { ...turn.state, heardEpoch: Math.max(turn.state.heardEpoch, epoch), heardEpochMs: turn.now }
  endAttempt(turn, why)
}

function claimedView(turn: Turn, record: EpochRecord, won: { revision: string; leaseId: string }): State['record'] {
  const holders = [...(turn.state.record?.holders ?? []), { epoch: record.epoch, leaseId: won.leaseId }]
  return { record, revision: won.revision, askedMs: turn.now, holders }
}
