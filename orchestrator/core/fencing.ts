// Promises as the fence: ask every node, weigh the answers, choose the greatest position, order the promotion.
import type { PromiseReply } from '#protocol/agent.ts'
import { type History, lsnToBigInt } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { comparePositions } from './agent/history.ts'
import { higherEpoch } from './attempt.ts'
import { order } from './candidate.ts'
import {
  type Attachment,
  type Claim,
  type Fence,
  fenceByAuthority,
  fenceByLastPrimary,
  fenceByPromises,
  type WeightedPromise,
  weigh,
} from './evidence.ts'
import { gate } from './gate.ts'
import { agentSilenceMs, controllerSilenceMs, suspectableMs } from './health.ts'
import type { Failure } from './inputs.ts'
import { askFollows, isDue, orderFollow } from './promoting.ts'
import { majorityOf, timings } from './settings.ts'
import { announce, claimOf, everyRegion, type Goal, type Move, type State, type Turn } from './state.ts'

type Fencing = Extract<Move, { phase: 'fencing' }>
type Promoting = Extract<Move, { phase: 'promoting' }>

export function beginFencing(
  turn: Turn,
  from: {
    goal: Goal
    claim: Claim
    attached: readonly Attachment[]
    promises: readonly WeightedPromise[]
    floor: string | null
  },
): void {
  const { now } = turn
  const { goal, claim, attached, promises, floor } = from
  const asks = everyRegion(turn.state.settings.regions, (region) => {
    if ([...attached, ...promises].some((each) => each.region === region)) return null
    return settles(goal, region, turn.state.settings.commit) ? now + timings.settleMs : now
  })
  const old = oldPrimary(goal)
  const cut = turn.state.settings.commit === 'async' && goal.kind === 'failover' && old !== null
  const move: Fencing = {
    phase: 'fencing',
    goal,
    claim,
    sinceMs: now,
    asks,
    promised: promises.map((each) => each.region),
    begun: {},
    promises,
    attached,
    device: cut && mayCutOff(turn.state, old, now) ? 'asked' : 'none',
    fencedMs: null,
    floor,
    refused: false,
  }
  turn.state = { ...turn.state, move }
  askPromises(turn)
  if (move.device === 'asked' && old !== null)
    turn.effects.push({ kind: 'fence', claim, region: old }, { kind: 'read-record' })
}

/**
 * Without a majority beside it nobody could take another epoch, and lift the fence again, once this controller is gone. Without a
 * whole node beside it the one that is cut off is the only one that could be promoted.
 */
function mayCutOff(state: State, old: Region, now: number): boolean {
  const { region, regions } = state.settings
  const others = regions.filter((each) => each !== old)
  const left = others.filter((each) => controllerSilenceMs(state, each, now) <= timings.heardMs)
  const isWhole = (each: Region): boolean => state.agents[each]?.status.whole === true
  const hasSuccessor = others.some((each) => agentSilenceMs(state, each, now) <= timings.heardMs && isWhole(each))
  return old !== region && left.length >= majorityOf(regions.length) && hasSuccessor
}

/** Planned moves let the drained writes be answered, before the nodes that their answers hang on are asked. */
function settles(goal: Goal, region: Region, commit: CommitMode): boolean {
  if (goal.kind !== 'switchover' || commit === 'async') return false
  return goal.from === goal.to || region === goal.from
}

function oldPrimary(goal: Goal): Region | null {
  if (goal.kind === 'first-start') return null
  return goal.kind === 'failover' ? goal.old : goal.from
}

/** Ask every node whose turn it is; a hung call holds up nobody else. */
export function askPromises(turn: Turn): void {
  const { move } = turn.state
  if (move?.phase !== 'fencing') return
  const due = turn.state.settings.regions.filter((each) => isDue(move.asks[each], turn.now))
  if (due.length === 0) return
  const lifted = due.find((each) => isCutInVain(turn.state, move, each, turn.now))
  if (lifted !== undefined) turn.effects.push({ kind: 'unfence', claim: move.claim, region: lifted })
  for (const region of due) turn.effects.push({ kind: 'promise', claim: move.claim, region })
  const device = lifted === undefined ? move.device : 'none'
  turn.state = { ...turn.state, move: { ...move, device, asks: { ...move.asks, ...nulls(due) } } }
}

/**
 * Nobody but the old primary's own node, which the fence device may have cut off, can be promoted: the others are being made anew, or
 * are gone. So it gets its links back, each time that it is asked, and its own promise is the fence.
 */
function isCutInVain(state: State, move: Fencing, region: Region, now: number): boolean {
  const { commit, region: own } = state.settings
  const wasCut = commit === 'async' && move.goal.kind === 'failover' && move.goal.old === region && region !== own
  return wasCut && move.promises.length === 0 && now - move.sinceMs >= timings.lastPrimaryMs
}

function nulls(due: readonly Region[]): Partial<Record<Region, null>> {
  return Object.fromEntries(due.map((each) => [each, null]))
}

export function onPromiseReply(turn: Turn, epoch: number, region: Region, outcome: PromiseReply | Failure): void {
  const { move } = turn.state
  if (move === null || move.phase === 'claiming' || claimOf(move).epoch !== epoch) return onLatePromise(turn, epoch)
  if ('promised' in outcome) {
    if (outcome.promised !== null && outcome.promised > epoch) return higherEpoch(turn, region, outcome.promised)
    if (move.phase === 'fencing') askAgain(turn, move, region)
    return
  }
  if (move.phase !== 'fencing') {
    if (move.phase === 'promoting') orderFollow(turn, move, region)
    return
  }
  const weighted = weigh(outcome)
  const promised = move.promised.includes(region) ? move.promised : [...move.promised, region]
  announcePromise(turn, epoch, outcome)
  const promises =
    weighted === null ? move.promises : [...move.promises.filter((each) => each.region !== region), weighted]
  const begun = { ...move.begun, [region]: outcome.begun }
  turn.state = { ...turn.state, move: { ...move, promised, begun, promises } }
  if (weighted === null) askAgain(turn, { ...move, promised, begun, promises }, region)
  evaluate(turn)
}

/** A promise that came after the promotion: the holder's rounds tell the node to follow, at once. */
function onLatePromise(turn: Turn, epoch: number): void {
  const { hold } = turn.state
  if (hold === null || hold.promotion.fence.claim.epoch !== epoch) return
  turn.state = {
    ...turn.state,
    hold: { ...hold, followMs: everyRegion(turn.state.settings.regions, () => Number.NEGATIVE_INFINITY) },
  }
}

export function announcePromise(turn: Turn, epoch: number, reply: PromiseReply): void {
  const at = reply.position === null ? 'no position yet' : `${reply.position.epoch}:${reply.position.lsn}`
  const weight = reply.whole ? '' : '; it is half-made and counts for nothing'
  announce(turn, 'promised', `${reply.region} promised epoch ${epoch}, position ${at}${weight}`, epoch, {
    region: reply.region,
    position: reply.position,
    whole: reply.whole,
    promisedNs: reply.atNs,
  })
}

function askAgain(turn: Turn, move: Fencing, region: Region): void {
  const asks = { ...move.asks, [region]: turn.now + timings.promiseRetryMs }
  turn.state = { ...turn.state, move: { ...move, asks } }
}

export function onFenceReply(turn: Turn, epoch: number, fenced: boolean, reason: string): void {
  const { move } = turn.state
  if (move?.phase !== 'fencing' || move.claim.epoch !== epoch) return
  turn.state = { ...turn.state, move: { ...move, device: fenced ? 'confirmed' : 'none' } }
  announce(turn, fenced ? 'fence-device' : 'fence-device-failed', reason, epoch)
  evaluate(turn)
}

/** Promote as soon as the fence stands and no missing promise could change the choice. */
export function evaluate(turn: Turn): void {
  const { move } = turn.state
  if (move?.phase !== 'fencing') return
  const fence = raiseFence(turn.state, move, turn.now)
  if (fence === null) return
  if (move.fencedMs === null) turn.state = { ...turn.state, move: { ...move, fencedMs: turn.now } }
  if (mustWait(turn.state, move, turn.now)) return
  const chosen = choose(turn.state, move.goal, fence)
  if (chosen === null) return
  const goal = move.goal
  if (goal.kind === 'switchover' && !coversDrain(turn.state, move, chosen)) return failOver(turn, move, goal, chosen)
  const accepted = goal.kind === 'failover' && goal.acceptDataLoss
  const suspectedMs = goal.kind === 'failover' ? goal.suspectedMs : turn.now
  const verdict = goal.kind === 'failover' ? gate(turn.state, fence, chosen, suspectedMs, accepted) : null
  if (verdict !== null && !verdict.open) {
    if (move.refused) return
    announce(turn, 'refused', `${chosen.region} is not promoted: ${verdict.reason}`, fence.claim.epoch, {
      region: chosen.region,
    })
    turn.state = { ...turn.state, move: { ...move, fencedMs: move.fencedMs ?? turn.now, refused: true } }
    return
  }
  promote(turn, move, fence, chosen, verdict?.reason ?? null)
}

/** With commit: quorum the fence guarantees that every acked write is there, whatever else was drained. */
function coversDrain({ settings }: State, { floor }: Fencing, { position }: WeightedPromise): boolean {
  return settings.commit === 'quorum' || floor === null || lsnToBigInt(position.lsn) >= lsnToBigInt(floor)
}

/** The target of a plan has not promised, and who has lacks drained writes: the rules of a failover finish the move, its gate among them. */
function failOver(
  turn: Turn,
  move: Fencing,
  planned: Extract<Goal, { kind: 'switchover' }>,
  chosen: WeightedPromise,
): void {
  const why = `${planned.to} did not promise in time, and ${chosen.region} does not cover the drain's ${move.floor}`
  announce(turn, 'switchover-forced', `${why}; the rules of a failover finish the move`, move.claim.epoch)
  const { from: old, to, request } = planned
  const suspectedMs = suspectableMs(turn.state, old, turn.now)
  const goal = { kind: 'failover', old, to, why, suspectedMs, acceptDataLoss: false, request } as const
  turn.state = { ...turn.state, move: { ...move, goal, floor: null } }
  evaluate(turn)
}

function raiseFence(state: State, move: Fencing, now: number): Fence | null {
  const old = oldPrimary(move.goal)
  if (state.settings.commit === 'async') {
    const view = state.record
    const leaseExpired =
      view !== null && view.askedMs > move.sinceMs && !view.holders.some((each) => each.epoch < move.claim.epoch)
    return fenceByAuthority(move.claim, move.promises, {
      old,
      oldPromised: old !== null && move.promised.includes(old),
      othersPromised: state.settings.regions.every((each) => each === old || move.promised.includes(each)),
      deviceConfirmed: move.device === 'confirmed',
      leaseExpired,
    })
  }
  const spare = targetOf(state, move.goal) === old ? null : old
  const others = move.promises.filter((each) => each.region !== spare)
  const without = fenceByPromises(move.claim, state.settings.regions, others, move.attached)
  if (without !== null || now - move.sinceMs < timings.preferMs) return without
  const fence = fenceByPromises(move.claim, state.settings.regions, move.promises, move.attached)
  if (fence !== null || now - move.sinceMs < timings.lastPrimaryMs) return fence
  return fenceByLastPrimary(move.claim, state.settings.regions, move.promises, move.begun)
}

/** Who is to be promoted if it can be: the node that was asked for; at the very first start, home. */
function targetOf(state: State, goal: Goal): Region | null {
  return goal.kind === 'first-start' ? state.settings.home : goal.to
}

/** A named target is waited for; with commit: async so are further positions, since the greatest loses least. */
function mustWait(state: State, move: Fencing, now: number): boolean {
  const target = targetOf(state, move.goal)
  if (target !== null && !move.promises.some((each) => each.region === target)) {
    const limitMs = move.goal.kind === 'failover' ? timings.preferMs : timings.plannedPreferMs
    if (now - move.sinceMs < limitMs) return true
  }
  if (state.settings.commit !== 'async') return false
  const missing = state.settings.regions.some((each) => {
    const view = state.agents[each]
    const reachable = view !== undefined && now - view.heardMs <= timings.heardMs
    return reachable && !move.promises.some((promise) => promise.region === each)
  })
  return missing && now - (move.fencedMs ?? now) < timings.asyncGatherMs
}

/** The greatest position; ties go to the asked target, then this controller's own region, then home, then the others. */
export function choose(state: State, goal: Goal, fence: Fence): WeightedPromise | null {
  const sequence = [targetOf(state, goal), state.settings.region, ...order(state.settings)]
  const sorted = [...fence.promises].sort(
    (left, right) =>
      comparePositions(right.position, left.position) || sequence.indexOf(left.region) - sequence.indexOf(right.region),
  )
  return sorted[0] ?? null
}

function promote(turn: Turn, move: Fencing, fence: Fence, chosen: WeightedPromise, gateReason: string | null): void {
  const { epoch } = fence.claim
  const nodes = [...fence.promises.map((each) => each.region), ...move.attached.map((each) => each.region)]
  const floor = move.floor === null ? '' : `; it covers the drain's ${move.floor}`
  announce(
    turn,
    'fenced',
    `Nothing below epoch ${epoch} can be acknowledged: ${fence.way} (${nodes.join(', ')})`,
    epoch,
    { way: fence.way, nodes },
  )
  const reason = `${chosen.region} has the greatest position, ${chosen.position.epoch}:${chosen.position.lsn}, of ${nodes.join(', ')}${floor}`
  announce(turn, 'promote', gateReason === null ? reason : `${reason}; ${gateReason}`, epoch, { region: chosen.region })
  const history: History = [...chosen.history, { epoch, startLsn: chosen.position.lsn }]
  turn.effects.push({ kind: 'promote', fence, region: chosen.region })
  const known = [...move.promised, ...move.attached.map((each) => each.region)]
  const asks = everyRegion(turn.state.settings.regions, (region) => {
    if (region === chosen.region) return null
    if (known.includes(region)) return turn.now
    return turn.now + (move.goal.kind === 'switchover' ? timings.settleMs : timings.followRetryMs)
  })
  const promoting: Promoting = {
    phase: 'promoting',
    goal: move.goal,
    fence,
    region: chosen.region,
    history,
    sinceMs: turn.now,
    asks,
    accepted: [],
    device: move.device,
  }
  turn.state = { ...turn.state, move: promoting }
  askFollows(turn)
}
