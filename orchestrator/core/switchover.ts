// A planned move: prepare the third node, drain the old primary, wait for its last record, then the promises as always.
import type { FollowReply, PromiseReply } from '#protocol/agent.ts'
import { type History, lsnToBigInt } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import { type Attachment, type Claim, weigh, type WeightedPromise } from './evidence.ts'
import { begin, higherEpoch } from './attempt.ts'
import { announcePromise, beginFencing } from './fencing.ts'
import { agentSilenceMs, suspectableMs } from './health.ts'
import type { Failure } from './inputs.ts'
import { timings } from './settings.ts'
import { type AgentView, announce, type Goal, type Move, type State, type Turn } from './state.ts'

type Planned = Extract<Goal, { kind: 'switchover' }>
type Preparing = Extract<Move, { phase: 'preparing' }>

/** Why a switchover to `to` can't start now; null if it can. */
export function refusal(state: State, to: Region, now: number): string | null {
  const record = state.record?.record ?? null
  if (state.move !== null) return `a ${state.move.goal.kind} is under way; ask again when it is done`
  if (!state.etcdReachable || record === null) return 'etcd cannot be read, so no epoch can be taken'
  if (record.state !== 'active' || record.primary === null)
    return `epoch ${record.epoch} is not active yet; a move is under way`
  if (record.primary === to) return `${to} is the primary already`
  const target = state.agents[to]
  if (target === undefined || agentSilenceMs(state, to, now) > timings.heardMs) return `the agent of ${to} is not heard`
  const { status } = target
  if (status.state !== 'standby' || !status.whole)
    return `the node of ${to} is ${status.whole ? status.state : 'half-made'}, expected a whole standby`
  if (!status.streaming || status.following !== record.primary)
    return `${to} does not stream from ${record.primary} yet`
  const source = state.agents[record.primary]
  if (source === undefined || source.status.position === null || status.position === null)
    return 'a position is not known yet'
  const lag = lsnToBigInt(source.status.position.lsn) - lsnToBigInt(status.position.lsn)
  if (lag > BigInt(timings.switchoverLagBytes))
    return `${to} lags ${lag} bytes behind, at most ${timings.switchoverLagBytes} are allowed`
  return null
}

export function onSwitchover(turn: Turn, request: string, to: Region): void {
  const reason = refusal(turn.state, to, turn.now)
  const record = turn.state.record?.record ?? null
  if (reason !== null || record === null || record.primary === null) {
    const reply = {
      done: false,
      epoch: record?.epoch ?? 0,
      primary: record?.primary ?? null,
      reason: reason ?? 'no primary',
    }
    turn.effects.push({ kind: 'answer', request, reply })
    return
  }
  announce(turn, 'switchover', `Asked to move the primary role from ${record.primary} to ${to}`, record.epoch, { to })
  begin(turn, { kind: 'switchover', from: record.primary, to, why: 'asked for', request })
}

/**
 * Ahead of the drain the third node is taken from the old primary, whose commits then rest on the target alone: it is attached
 * to the target in the new epoch, or, where that is refused, promises at once.
 */
export function beginPreparing(turn: Turn, goal: Planned, claim: Claim): void {
  const target = turn.state.agents[goal.to]
  const third =
    goal.from === goal.to
      ? undefined
      : turn.state.settings.regions.find((each) => each !== goal.from && each !== goal.to && ready(turn, each))
  if (third === undefined || target === undefined) return drain(turn, { goal, claim, attached: [], promises: [] })
  turn.state = { ...turn.state, move: { phase: 'preparing', goal, claim, sinceMs: turn.now, third, way: 'asked' } }
  turn.effects.push({ kind: 'prepare', claim, region: third, primary: goal.to, history: wholeHistory(turn, target) })
}

/** A beat carries the last epochs only, the record all of them. */
function wholeHistory(turn: Turn, { status }: AgentView): History {
  const recorded = turn.state.record?.record?.history ?? []
  const isRecorded = (entry: History[number] | undefined): boolean =>
    recorded.some((each) => each.epoch === entry?.epoch && each.startLsn === entry.startLsn)
  const last = status.history.at(-1)
  return last?.epoch === recorded.at(-1)?.epoch && status.history.every(isRecorded) ? recorded : status.history
}

function ready(turn: Turn, region: Region): boolean {
  const view = turn.state.agents[region]
  if (view === undefined || turn.now - view.heardMs > timings.heardMs) return false
  return view.status.state === 'standby' && view.status.whole && view.status.streaming
}

export function onPrepareReply(turn: Turn, epoch: number, region: Region, outcome: FollowReply | Failure): void {
  const { move } = turn.state
  if (move?.phase !== 'preparing' || move.claim.epoch !== epoch || move.third !== region) return
  if ('way' in outcome) {
    turn.state = { ...turn.state, move: { ...move, way: 'accepted' } }
    return superviseSwitchover(turn)
  }
  if (outcome.promised !== null && outcome.promised > epoch) return higherEpoch(turn, region, outcome.promised)
  announce(
    turn,
    'not-attached',
    `${region} promises instead of being attached ahead of the drain: ${outcome.reason}`,
    epoch,
  )
  turn.state = { ...turn.state, move: { ...move, way: 'promising' } }
  turn.effects.push({ kind: 'promise', claim: move.claim, region })
}

/** The third node's promise ahead of the drain; without one it is asked again among the others. */
export function onEarlyPromise(turn: Turn, move: Preparing, epoch: number, outcome: PromiseReply | Failure): void {
  if (move.way !== 'promising' || move.claim.epoch !== epoch) return
  if ('promised' in outcome && outcome.promised !== null && outcome.promised > epoch)
    return higherEpoch(turn, move.third, outcome.promised)
  const promised = 'promised' in outcome ? null : weigh(outcome)
  if (!('promised' in outcome)) announcePromise(turn, epoch, outcome)
  drain(turn, { goal: move.goal, claim: move.claim, attached: [], promises: promised === null ? [] : [promised] })
}

/** On each tick and heartbeat: attached, or late. */
export function superviseSwitchover(turn: Turn): void {
  const { move } = turn.state
  if (move === null) return
  if (move.phase === 'preparing') {
    const { goal, claim } = move
    if (isAttached(turn.state, move))
      drain(turn, { goal, claim, attached: [{ region: move.third, to: goal.to }], promises: [] })
    else if (turn.now - move.sinceMs > timings.prepareMs) drain(turn, { goal, claim, attached: [], promises: [] })
  }
  if (move.phase === 'draining' && turn.now - move.sinceMs > 2 * timings.drainMs) force(turn, 'the drain took too long')
}

function isAttached(state: State, move: Preparing): boolean {
  const view = state.agents[move.third]
  if (view === undefined || move.way !== 'accepted' || view.heardMs <= move.sinceMs) return false
  const { status } = view
  return status.promised === move.claim.epoch && status.following === move.goal.to && status.streaming
}

function drain(
  turn: Turn,
  prepared: { goal: Planned; claim: Claim; attached: readonly Attachment[]; promises: readonly WeightedPromise[] },
): void {
  const { goal, claim, attached } = prepared
  turn.state = { ...turn.state, move: { phase: 'draining', ...prepared, sinceMs: turn.now, lsn: null } }
  const note = attached.map((each) => `; ${each.region} is attached to ${each.to} already`).join('')
  announce(turn, 'drain', `New writes are held at ${goal.from}${note}`, claim.epoch, { region: goal.from })
  turn.effects.push({ kind: 'drain', claim, region: goal.from, forwardTo: goal.to })
}

export function onDrainReply(turn: Turn, epoch: number, outcome: { lsn: string } | { reason: string }): void {
  const { move } = turn.state
  if (move?.phase !== 'draining' || move.claim.epoch !== epoch) return
  if ('reason' in outcome) return force(turn, `the app of ${move.goal.from} was not drained: ${outcome.reason}`)
  announce(turn, 'drained', `Every write in flight at ${move.goal.from} lies at or below ${outcome.lsn}`, epoch, {
    lsn: outcome.lsn,
  })
  if (move.goal.from === move.goal.to)
    return beginFencing(turn, { goal: move.goal, claim: move.claim, attached: [], promises: [], floor: outcome.lsn })
  turn.state = { ...turn.state, move: { ...move, lsn: outcome.lsn } }
  turn.effects.push({ kind: 'await-position', claim: move.claim, region: move.goal.to, lsn: outcome.lsn })
}

export function onPositioned(turn: Turn, epoch: number, region: Region, reached: boolean): void {
  const { move } = turn.state
  if (move?.phase !== 'draining' || move.claim.epoch !== epoch || move.goal.to !== region || move.lsn === null) return
  if (!reached) return force(turn, `${region} did not reach ${move.lsn}`)
  beginFencing(turn, {
    goal: move.goal,
    claim: move.claim,
    attached: move.attached,
    promises: move.promises,
    floor: move.lsn,
  })
}

/** The plan failed midway: the epoch is taken, so the rules of a failover finish the job. No acked write can be lost by them. */
function force(turn: Turn, why: string): void {
  const { move } = turn.state
  if (move?.phase !== 'draining') return
  const { goal, claim } = move
  announce(turn, 'switchover-forced', `${why}; the rules of a failover finish the move`, claim.epoch)
  turn.effects.push({ kind: 'undrain', claim, region: goal.from })
  beginFencing(turn, {
    goal: {
      kind: 'failover',
      old: goal.from,
      to: goal.to,
      why,
      suspectedMs: suspectableMs(turn.state, goal.from, turn.now),
      acceptDataLoss: false,
      request: goal.request,
    },
    claim,
    attached: [],
    promises: [],
    floor: null,
  })
}
