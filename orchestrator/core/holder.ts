// What the owner of the epoch does in this run: permits, write region, late followers, the record, etcd's leader.
import type { FollowReply } from '#protocol/agent.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { Promotion } from './evidence.ts'
import type { Failure, SwapOutcome } from './inputs.ts'
import { answerGoal } from './attempt.ts'
import { follows, strays } from './following.ts'
import { agentSilenceMs } from './health.ts'
import { ableAtOnce, placeLeader } from './steering.ts'
import { timings } from './settings.ts'
import { announce, everyRegion, type Hold, type Move, type State, type Turn } from './state.ts'

const never = Number.NEGATIVE_INFINITY

/** First commit done: permit and write region at once, the record by compare-and-swap beside them. */
export function beginHold(turn: Turn, promotion: Promotion, move: Extract<Move, { phase: 'promoting' }>): void {
  const { claim } = promotion.fence
  const asked = everyRegion(turn.state.settings.regions, (region) =>
    move.asks[region] === null || move.accepted.includes(region) ? turn.now : never,
  )
  const goal = move.goal
  const hold: Hold = {
    promotion,
    goal,
    revision: claim.revision,
    active: false,
    activating: false,
    sinceMs: turn.now,
    steered: false,
    permitMs: never,
    writeRegionMs: never,
    leaderMoveMs: turn.now,
    ableSinceMs: ableAtOnce(turn.state, promotion.region, turn.now),
    reattachMs: turn.now,
    followMs: asked,
    whole: [],
    unfenceMs: turn.now,
  }
  turn.state = { ...turn.state, hold }
  announce(
    turn,
    'promoted',
    `The first commit of epoch ${claim.epoch} on ${promotion.region} has its quorum`,
    claim.epoch,
    { region: promotion.region },
  )
  renew(turn)
  activate(turn)
  turn.effects.push({ kind: 'beat' })
}

/** The epoch is not ours any more. Its holder key goes once the last permit has run out. */
export function dropHold(turn: Turn, why: string): void {
  const { hold } = turn.state
  if (hold === null) return
  const { epoch } = hold.promotion.fence.claim
  const atMs = Math.max(turn.now, hold.permitMs + timings.permitValidMs)
  turn.state = { ...turn.state, hold: null, releases: [...turn.state.releases, { epoch, atMs }] }
  announce(turn, 'deposed', `Epoch ${epoch} is no longer carried here: ${why}`, epoch)
  answerGoal(turn, hold.goal, hold.steered, why)
  turn.effects.push({ kind: 'beat' })
}

function activate(turn: Turn): void {
  const { hold } = turn.state
  if (hold === null || hold.active || hold.activating) return
  const { promotion } = hold
  const { settings } = turn.state
  const record: EpochRecord = {
    epoch: promotion.fence.claim.epoch,
    owner: settings.region,
    incarnation: settings.incarnation,
    state: 'active',
    primary: promotion.region,
    previous: turn.state.record?.record?.previous ?? null,
    history: [...promotion.history],
  }
  turn.state = { ...turn.state, hold: { ...hold, activating: true } }
  turn.effects.push({ kind: 'activate', promotion, record, expectRevision: hold.revision })
}

export function onActivateReply(turn: Turn, epoch: number, outcome: SwapOutcome): void {
  const { hold } = turn.state
  if (hold === null || hold.promotion.fence.claim.epoch !== epoch) return
  if (outcome.result === 'won') {
    turn.state = { ...turn.state, hold: { ...hold, active: true, activating: false, revision: outcome.revision } }
    announce(turn, 'active', `The record says that ${hold.promotion.region} is primary in epoch ${epoch}`, epoch)
  } else {
    // Lost or unknown: the next read tells, since nobody else writes this epoch's record.
    turn.state = { ...turn.state, hold: { ...hold, activating: false } }
  }
  turn.effects.push({ kind: 'read-record' })
}

/** A read of the record: is the epoch still ours? Called after the view was replaced. */
export function confirmHold(turn: Turn): void {
  const { hold, record: view } = turn.state
  if (hold === null || view === null) return
  const { claim } = hold.promotion.fence
  const record = view.record
  if (record === null || record.epoch < claim.epoch) return
  if (record.epoch > claim.epoch) return dropHold(turn, `${record.owner} took epoch ${record.epoch}`)
  const active = record.state === 'active'
  if (hold.activating && !active) return
  turn.state = { ...turn.state, hold: { ...hold, active, revision: view.revision } }
  if (!active) activate(turn)
}

/**
 * A permit may be sent only so early after a lease renewal that it ends before the lease can, and only while this epoch's holder
 * key hangs on that lease.
 */
export function mayPermit(state: State, now: number): boolean {
  const { lease, record } = state
  if (lease === null || now - lease.sentMs > timings.leaseTtlMs - timings.permitValidMs) return false
  return record !== null && now - record.askedMs <= timings.recordFreshMs && holderKeyStands(state)
}

function holderKeyStands(state: State): boolean {
  const epoch = state.hold?.promotion.fence.claim.epoch
  return state.record?.holders.some((each) => each.epoch === epoch && each.leaseId === state.lease?.id) ?? false
}

/** A lease that ran out took the holder key with it: hang it on the new one, if the record is still ours. */
function reattach(turn: Turn): void {
  const { hold, lease, record } = turn.state
  if (hold === null || lease === null || record === null || !turn.state.etcdReachable || holderKeyStands(turn.state))
    return
  if (record.record?.epoch !== hold.promotion.fence.claim.epoch || turn.now - hold.reattachMs < timings.permitRenewMs)
    return
  turn.state = { ...turn.state, hold: { ...hold, reattachMs: turn.now } }
  turn.effects.push({ kind: 'attach-holder', promotion: hold.promotion, revision: record.revision })
}

/** On each tick: what is due. */
export function supervise(turn: Turn): void {
  release(turn)
  if (turn.state.hold === null) return
  reattach(turn)
  renew(turn)
  retryActivate(turn)
  followLate(turn)
  unfence(turn)
  placeLeader(turn)
}

function release(turn: Turn): void {
  const due = turn.state.releases.filter((each) => each.atMs <= turn.now)
  if (due.length === 0) return
  for (const each of due) turn.effects.push({ kind: 'release-holder', epoch: each.epoch })
  turn.state = { ...turn.state, releases: turn.state.releases.filter((each) => each.atMs > turn.now) }
}

function renew(turn: Turn): void {
  const { hold } = turn.state
  if (hold === null) return
  const { promotion } = hold
  let { permitMs, writeRegionMs } = hold
  if (turn.now - permitMs >= timings.permitRenewMs && mayPermit(turn.state, turn.now)) {
    turn.effects.push({ kind: 'permit', promotion })
    permitMs = turn.now
  }
  const repeatMs = hold.steered ? timings.writeRegionRepeatMs : timings.permitRenewMs
  if (turn.now - writeRegionMs >= repeatMs) {
    turn.effects.push({ kind: 'write-region', promotion })
    writeRegionMs = turn.now
  }
  if (permitMs !== hold.permitMs || writeRegionMs !== hold.writeRegionMs)
    turn.state = { ...turn.state, hold: { ...hold, permitMs, writeRegionMs } }
}

/** An activation whose outcome was unknown is tried again as soon as a read has given the revision. */
function retryActivate(turn: Turn): void {
  const { hold, record } = turn.state
  if (hold === null || hold.active || hold.activating || record === null) return
  if (record.record?.epoch === hold.promotion.fence.claim.epoch && record.askedMs > hold.sinceMs) activate(turn)
}

export function onSteered(turn: Turn, epoch: number, region: Region): void {
  const { hold } = turn.state
  if (hold === null || hold.steered || hold.promotion.fence.claim.epoch !== epoch || hold.promotion.region !== region)
    return
  turn.state = { ...turn.state, hold: { ...hold, steered: true } }
  const reason = `The app of ${region} knows that it is the write region in epoch ${epoch}`
  announce(turn, 'steered', reason, epoch, { region })
  const { goal } = hold
  const asked = goal.kind === 'first-start' ? null : goal.to
  const elsewhere = asked !== null && asked !== region
  answerGoal(
    turn,
    goal,
    !elsewhere,
    elsewhere ? `${region} had the greatest position and was promoted instead of ${asked}` : reason,
  )
}

/** Tell every heard node that doesn't stream from the primary in this epoch to follow it, at a bounded pace. */
function followLate(turn: Turn): void {
  const { hold } = turn.state
  if (hold === null) return
  const { promotion } = hold
  const { epoch } = promotion.fence.claim
  let next: Hold = hold
  for (const region of turn.state.settings.regions) {
    if (region === promotion.region) continue
    const following = { region, primary: promotion.region, epoch }
    const isWhole = follows(turn.state, following) && turn.state.agents[region]?.status.whole === true
    if (isWhole && !next.whole.includes(region)) {
      announce(turn, 'followed', `${region} streams from ${promotion.region} in epoch ${epoch}`, epoch, { region })
      next = { ...next, whole: [...next.whole, region] }
    }
    if (!strays(turn.state, following, turn.now)) continue
    if (turn.now - next.followMs[region] < timings.followPaceMs) continue
    next = {
      ...next,
      followMs: { ...next.followMs, [region]: turn.now },
      whole: next.whole.filter((each) => each !== region),
    }
    turn.effects.push({
      kind: 'follow',
      fence: promotion.fence,
      region,
      primary: promotion.region,
      history: promotion.history,
    })
  }
  if (next !== hold) turn.state = { ...turn.state, hold: next }
}

export function onFollowReply(turn: Turn, epoch: number, region: Region, outcome: FollowReply | Failure): void {
  const { move, hold } = turn.state
  const own = move?.phase === 'promoting' ? move.fence.claim.epoch : hold?.promotion.fence.claim.epoch
  if (own !== epoch) return
  if ('way' in outcome) {
    const primary = move?.phase === 'promoting' ? move.region : (hold?.promotion.region ?? region)
    announce(turn, 'follow', `${region} follows ${primary} in epoch ${epoch} by way of ${outcome.way}`, epoch, {
      region,
      way: outcome.way,
    })
    if (move?.phase === 'promoting')
      turn.state = {
        ...turn.state,
        move: {
          ...move,
          accepted: [...new Set([...move.accepted, region])],
          asks: { ...move.asks, [region]: turn.now + timings.followPaceMs },
        },
      }
    return
  }
  if (outcome.promised !== null && outcome.promised > epoch) {
    turn.state = {
      ...turn.state,
      heardEpoch: Math.max(turn.state.heardEpoch, outcome.promised),
      heardEpochMs: turn.now,
    }
    turn.effects.push({ kind: 'read-record' })
    return
  }
  if (move?.phase === 'promoting')
    turn.state = {
      ...turn.state,
      move: { ...move, asks: { ...move.asks, [region]: turn.now + timings.followRetryMs } },
    }
}

/** Its holder may have sent the last one when its read of the record, from before this epoch was taken, was just still fresh. */
const lastLowerPermitMs = timings.recordFreshMs + timings.permitValidMs

/**
 * Regions that aren't heard get their links back once no permit of a lower epoch can be valid; the last one may have been sent at the
 * end of a lease that was renewed just before the cut. This or an earlier attempt may have had the fence device cut them off, and
 * whoever knew of that may have restarted since.
 */
function unfence(turn: Turn): void {
  const { hold, settings } = turn.state
  if (hold === null || settings.commit !== 'async') return
  if (turn.now - hold.sinceMs < lastLowerPermitMs || turn.now - hold.unfenceMs < timings.permitValidMs) return
  const { claim } = hold.promotion.fence
  for (const region of settings.regions)
    if (region !== settings.region && agentSilenceMs(turn.state, region, turn.now) > timings.heardMs)
      turn.effects.push({ kind: 'unfence', claim, region })
  turn.state = { ...turn.state, hold: { ...hold, unfenceMs: turn.now } }
}
