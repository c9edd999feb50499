// The control plane's decisions: one pure step from a state and an input to the next state and the effects, in their order.
import type { AgentStatus } from '#protocol/agent.ts'
import type { Region } from '#protocol/sites.ts'
import { mayAct, mayStartFirst, standbyReadyCount } from './candidate.ts'
import type { Effect } from './effects.ts'
import { begin, endAttempt, lastPrimary } from './attempt.ts'
import { onClaimReply } from './claiming.ts'
import { askPromises, evaluate, onFenceReply, onPromiseReply } from './fencing.ts'
import { askFollows, noticePromoted, onPromoteReply, superviseMove } from './promoting.ts'
import { rememberWal } from './gate.ts'
import { suspect, suspectableMs } from './health.ts'
import { confirmHold, onActivateReply, onFollowReply, onSteered, supervise } from './holder.ts'
import type { HeardController, Input } from './inputs.ts'
import {
  onDrainReply,
  onEarlyPromise,
  onPositioned,
  onPrepareReply,
  onSwitchover,
  superviseSwitchover,
} from './switchover.ts'
import { majorityOf, timings } from './settings.ts'
import { announce, type AgentView, claimOf, ownEpoch, type State, type Turn } from './state.ts'

/** @param now milliseconds of a monotonic clock; never smaller than in the step before */
export function step(
  state: State,
  input: Input,
  now: number,
): { readonly state: State; readonly effects: readonly Effect[] } {
  const turn: Turn = { state, effects: [], now }
  take(turn, input)
  decide(turn)
  return { state: turn.state, effects: turn.effects }
}

function take(turn: Turn, input: Input): void {
  switch (input.kind) {
    case 'tick':
      if (turn.state.lateMs !== input.lateMs) turn.state = { ...turn.state, lateMs: input.lateMs }
      return tick(turn)
    case 'agent-beat':
      return onAgentBeat(turn, input.region, input.status)
    case 'controller-beat':
      return onControllerBeat(turn, input.beat)
    case 'local':
      turn.state = { ...turn.state, local: input.probes }
      return
    case 'record':
      return onRecord(turn, input)
    case 'record-unreadable':
      if (turn.state.etcdReachable)
        announce(turn, 'etcd-unreachable', `The epoch record can't be read: ${input.reason}`)
      turn.state = { ...turn.state, etcdReachable: false }
      return
    case 'etcd-leader':
      turn.state = { ...turn.state, etcdLeader: input.leader }
      return
    case 'lease':
      turn.state = { ...turn.state, lease: { id: input.leaseId, sentMs: input.sentMs } }
      return
    case 'claim-reply':
      return onClaimReply(turn, input.epoch, input.outcome)
    case 'prepare-reply':
      return onPrepareReply(turn, input.epoch, input.region, input.outcome)
    case 'drain-reply':
      return onDrainReply(turn, input.epoch, input.outcome)
    case 'positioned':
      return onPositioned(turn, input.epoch, input.region, input.reached)
    case 'promise-reply':
      if (turn.state.move?.phase === 'preparing')
        return onEarlyPromise(turn, turn.state.move, input.epoch, input.outcome)
      return onPromiseReply(turn, input.epoch, input.region, input.outcome)
    case 'fence-reply':
      return onFenceReply(turn, input.epoch, input.fenced, input.reason)
    case 'promote-reply':
      return onPromoteReply(turn, input.epoch, input.region, input.outcome)
    case 'follow-reply':
      return onFollowReply(turn, input.epoch, input.region, input.outcome)
    case 'steered':
      return onSteered(turn, input.epoch, input.region)
    case 'activate-reply':
      return onActivateReply(turn, input.epoch, input.outcome)
    case 'switchover':
      return onSwitchover(turn, input.request, input.to)
    case 'failover':
      return onFailover(turn, input)
  }
}

function tick(turn: Turn): void {
  askPromises(turn)
  askFollows(turn)
  evaluate(turn)
  superviseSwitchover(turn)
  superviseMove(turn)
  supervise(turn)
}

function onAgentBeat(turn: Turn, region: Region, status: AgentStatus): void {
  const { state, now } = turn
  const before = state.agents[region]
  const unresponsive = status.state === 'primary' && !status.responsive
  const view: AgentView = {
    status,
    heardMs: now,
    unresponsiveSinceMs: unresponsive ? (before?.unresponsiveSinceMs ?? now) : null,
    notPrimarySinceMs: status.state === 'primary' ? null : (before?.notPrimarySinceMs ?? now),
  }
  // Also while its successor is chosen, since until it is fenced it may go on; and then where it stopped.
  const isLastPrimary = lastPrimary(state.record?.record ?? null) === region
  const primaryWal =
    state.settings.commit === 'async' && isLastPrimary && status.position !== null
      ? rememberWal(state, status.position, now)
      : state.primaryWal
  const agents = { ...state.agents }
  agents[region] = view
  turn.state = { ...state, agents, primaryWal }
  hearEpoch(turn, status.promised)
  noticePromoted(turn, region)
  superviseSwitchover(turn)
}

function onControllerBeat(turn: Turn, beat: HeardController): void {
  const { state, now } = turn
  if (beat.region === state.settings.region) return
  const before = state.controllers[beat.region]
  const same = before?.beat.incarnation === beat.incarnation
  const appSeenAlive = beat.local.app || (same && (before?.appSeenAlive ?? false))
  const appDown = appSeenAlive && !beat.local.app
  const view = { beat, heardMs: now, appSeenAlive, appDownSinceMs: appDown ? (before?.appDownSinceMs ?? now) : null }
  const controllers = { ...state.controllers }
  controllers[beat.region] = view
  turn.state = { ...state, controllers }
  hearEpoch(turn, beat.epoch)
}

/** Of a higher epoch: what etcd says counts, so it is asked before anything else is decided. */
function hearEpoch(turn: Turn, epoch: number): void {
  const { state } = turn
  if (epoch <= state.heardEpoch) return
  const own = ownEpoch(state)
  turn.state = { ...state, heardEpoch: epoch, heardEpochMs: turn.now }
  if (own !== null && epoch > own && state.move !== null && state.move.phase !== 'claiming')
    endAttempt(turn, `epoch ${epoch} was heard of, which is higher than ${own}`)
}

function onRecord(turn: Turn, input: Extract<Input, { kind: 'record' }>): void {
  const before = turn.state.record
  const beforeEpoch = before?.record?.epoch ?? 0
  const epoch = input.record?.epoch ?? 0
  if (!turn.state.etcdReachable) turn.state = { ...turn.state, etcdReachable: true }
  if (before !== null && (input.askedMs < before.askedMs || epoch < beforeEpoch)) return
  const activated = input.record?.state === 'active' && (epoch > beforeEpoch || before?.record?.state !== 'active')
  turn.state = {
    ...turn.state,
    record: { record: input.record, revision: input.revision, askedMs: input.askedMs, holders: input.holders },
    activeSinceMs: activated ? turn.now : turn.state.activeSinceMs,
  }
  hearEpoch(turn, epoch)
  confirmHold(turn)
  releaseStray(turn)
  const { move } = turn.state
  if (move !== null && move.phase !== 'claiming' && epoch > claimOf(move).epoch)
    endAttempt(turn, `${input.record?.owner} took epoch ${epoch}`)
  evaluate(turn)
}

/** Holder keys of this process for epochs that it doesn't carry: from a compare-and-swap whose answer was lost. */
function releaseStray(turn: Turn): void {
  const { state } = turn
  const carried = [
    ownEpoch(state),
    state.hold?.promotion.fence.claim.epoch,
    ...state.releases.map((each) => each.epoch),
  ]
  const claiming = state.move?.phase === 'claiming' ? state.move.epoch : null
  for (const each of state.record?.holders ?? []) {
    if (each.leaseId === state.lease?.id && each.epoch !== claiming && !carried.includes(each.epoch))
      turn.effects.push({ kind: 'release-holder', epoch: each.epoch })
  }
}

function onFailover(turn: Turn, input: Extract<Input, { kind: 'failover' }>): void {
  const { state, now } = turn
  const record = state.record?.record ?? null
  const refuse = (reason: string): void => {
    const reply = { done: false, epoch: record?.epoch ?? 0, primary: record?.primary ?? null, reason }
    turn.effects.push({ kind: 'answer', request: input.request, reply })
  }
  if (input.acceptDataLoss && state.settings.commit === 'quorum')
    return refuse('commit: quorum never loses acked writes, so there is nothing to accept; leave acceptDataLoss out')
  if (state.move?.phase === 'fencing' && state.move.goal.kind === 'failover' && input.acceptDataLoss) {
    const goal = { ...state.move.goal, acceptDataLoss: true, request: input.request }
    turn.state = { ...state, move: { ...state.move, goal, refused: false } }
    announce(turn, 'data-loss-accepted', 'The operator accepts by name that data is lost', state.move.claim.epoch)
    return evaluate(turn)
  }
  if (state.move !== null) return refuse(`a ${state.move.goal.kind} is under way; ask again when it is done`)
  if (!state.etcdReachable) return refuse('etcd cannot be read, so no epoch can be taken')
  if (input.to !== null && input.to === record?.primary) return refuse(`${input.to} is the primary already`)
  const hopeless = lacksMajority(state, now)
  if (hopeless !== null) return refuse(hopeless)
  const old = lastPrimary(record)
  begin(turn, {
    kind: 'failover',
    old,
    to: input.to,
    why: 'ordered by the operator',
    suspectedMs: suspectableMs(state, old, now),
    acceptDataLoss: input.acceptDataLoss,
    request: input.request,
  })
}

/**
 * Why a fresh epoch could not be promoted now, null if it could. A promise of it would stop the present primary, and the rewind of
 * a node that is about to follow it, all the same.
 */
function lacksMajority({ settings, agents }: State, now: number): string | null {
  if (settings.commit === 'async') return null
  const fit = settings.regions.filter((each) => {
    const view = agents[each]
    return view !== undefined && now - view.heardMs <= timings.heardMs && view.status.whole
  })
  if (fit.length >= majorityOf(settings.regions.length)) return null
  const named = fit.length === 0 ? 'none' : `only that of ${fit.join(', ')}`
  return `of ${settings.regions.length} nodes ${named} is whole and heard, so no majority could promise; the present epoch stays`
}

/** After every input: what is suspected, and whether to act on it. */
function decide(turn: Turn): void {
  updateSuspicion(turn)
  updateReadiness(turn)
  const { state, now } = turn
  const lowRecord = (state.record?.record?.epoch ?? 0) < state.heardEpoch
  const covered = state.record !== null && state.record.askedMs >= state.heardEpochMs
  if (lowRecord && !covered) return askRecord(turn)
  if (state.move !== null || state.record === null) return
  if (state.record.record === null) {
    if (mayStartFirst(state, now)) begin(turn, { kind: 'first-start' })
    return
  }
  if (state.suspicion !== null && mayAct(state, now)) act(turn, state.suspicion)
}

function act(turn: Turn, suspicion: NonNullable<State['suspicion']>): void {
  const { state, now } = turn
  const record = state.record?.record ?? null
  const primary = record?.state === 'active' ? record.primary : null
  const view = primary === null ? undefined : state.agents[primary]
  // A controller that has only just started waits to hear how the primary is.
  if (
    suspicion.rule === 'orphan' &&
    primary !== null &&
    view === undefined &&
    now - state.startedMs < timings.startupGraceMs
  )
    return
  const well =
    view !== undefined &&
    now - view.heardMs <= timings.heardMs &&
    view.status.state === 'primary' &&
    view.status.responsive
  if (suspicion.rule === 'orphan' && primary !== null && well) {
    const goal = { from: primary, to: primary, why: suspicion.why, request: null } as const
    announce(
      turn,
      'switchover',
      `${suspicion.why}; ${primary} is well and keeps the role in a new epoch`,
      record?.epoch,
      { to: primary },
    )
    return begin(turn, { kind: 'switchover', ...goal })
  }
  const old = lastPrimary(record)
  begin(turn, {
    kind: 'failover',
    old,
    to: null,
    why: suspicion.why,
    suspectedMs: Math.min(suspicion.sinceMs, suspectableMs(state, old, now)),
    acceptDataLoss: false,
    request: null,
  })
}

function askRecord(turn: Turn): void {
  if (turn.now - turn.state.readAskedMs < timings.readPaceMs) return
  turn.state = { ...turn.state, readAskedMs: turn.now }
  turn.effects.push({ kind: 'read-record' })
}

function updateSuspicion(turn: Turn): void {
  const before = turn.state.suspicion
  const found = suspect(turn.state, turn.now)
  if (found === null && before === null) return
  if (found !== null && before !== null && found.region === before.region && found.rule === before.rule) return
  const epoch = turn.state.record?.record?.epoch
  turn.state = {
    ...turn.state,
    suspicion: found === null ? null : { ...found, sinceMs: keptSince(turn, before, found) },
  }
  if (found !== null) announce(turn, 'suspect', found.why, epoch, { region: found.region, rule: found.rule })
  else if (turn.state.move === null && before !== null)
    announce(turn, 'suspicion-ended', `${before.region} is no longer suspected`, epoch)
  turn.effects.push({ kind: 'beat' })
}

/** A suspicion that only changes its rule goes on; it does not start again. */
function keptSince(turn: Turn, before: State['suspicion'], found: { readonly region: Region }): number {
  return before !== null && before.region === found.region ? before.sinceMs : turn.now
}

function updateReadiness(turn: Turn): void {
  const ready = standbyReadyCount(turn.state, turn.now) >= majorityOf(turn.state.settings.regions.length)
  const since = turn.state.standbyReadySinceMs
  if (ready === (since !== null)) return
  turn.state = { ...turn.state, standbyReadySinceMs: ready ? turn.now : null }
}
