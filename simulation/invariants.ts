// The safety invariants of DESIGN section 7, each checked at the very step that could break it.
import type { Effect } from '#orchestrator/core/effects.ts'
import type { Goal } from '#orchestrator/core/state.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import type { WalRecord } from './models/wal.ts'
import { type Invariant, Violation } from './violation.ts'

export interface Ack {
  readonly key: string
  readonly epoch: number
  readonly sentMs: number
  readonly ackedMs: number
}

interface Begun {
  readonly region: Region
  isCommitted: boolean
  /** What the epoch's primary held when the epoch had its first commit. */
  keys: ReadonlySet<string>
}

/** The silence after which a region is suspected, and the pace at which positions are remembered: by so much a loss window may be off. */
const gateSlackMs = 1500

export class Checker {
  readonly acks: Ack[] = []
  /** commit: async: acked writes that a later epoch began without. */
  readonly lost = new Set<string>()
  /** The first one, also if somebody takes what is thrown for a failure of their own. */
  violation: Violation | null = null
  /** Epochs under which the events of an order were sent. */
  readonly #sent = new Map<string, Set<number>>()
  readonly #commit: CommitMode
  readonly #gateMs: number
  readonly #now: () => number
  readonly #firstAckMs = new Map<number, number>()
  readonly #owners = new Map<number, string>()
  readonly #epochs = new Map<number, Begun>()
  readonly #promised = new Map<Region, number>()
  readonly #streamEpochs = new Map<string, number>()
  /** Below this time nothing may be lost by the promotion of an epoch. */
  readonly #lossFloorMs = new Map<number, number>()

  /** @param latestMs how old a heartbeat may be when it is heard: what a controller knows of the primary's WAL is as old */
  constructor(commit: CommitMode, maxLossMs: number, latestMs: number, now: () => number) {
    this.#commit = commit
    this.#gateMs = maxLossMs + gateSlackMs + latestMs
    this.#now = now
  }

  #violated(invariant: Invariant, what: string): never {
    const violation = new Violation(invariant, this.#now(), what)
    this.violation ??= violation
    throw violation
  }

  // ---- authority

  recordChanged(before: EpochRecord | null, record: EpochRecord): void {
    const isSame = before !== null && before.epoch === record.epoch && before.incarnation === record.incarnation
    if (isSame && record.state === 'active') return
    if (before !== null && record.epoch <= before.epoch)
      this.#violated(
        'epochs-grow',
        `epoch ${record.epoch} of ${record.owner} follows epoch ${before.epoch} of ${before.owner}`,
      )
  }

  effect(effect: Effect, incarnation: string): void {
    const epoch = epochOf(effect)
    if (epoch === null) return
    const owner = this.#owners.get(epoch)
    if (owner === undefined) this.#owners.set(epoch, incarnation)
    else if (owner !== incarnation)
      this.#violated('one-owner', `${incarnation} acts under epoch ${epoch} (${effect.kind}), which ${owner} took`)
    if ((effect.kind === 'write-region' || effect.kind === 'permit') && this.#epochs.get(epoch)?.isCommitted !== true)
      this.#violated('effect-order', `${effect.kind} of epoch ${epoch} before its first commit had its quorum`)
  }

  /** The promotion of `epoch` was ordered for this goal. */
  promoteOrdered(epoch: number, goal: Goal, suspectedMs: number, acceptsLoss: boolean): void {
    if (goal.kind === 'failover' && !acceptsLoss) this.#lossFloorMs.set(epoch, suspectedMs - this.#gateMs)
    if (goal.kind === 'switchover') this.#lossFloorMs.set(epoch, Number.POSITIVE_INFINITY)
  }

  // ---- nodes

  promised(region: Region, epoch: number): void {
    this.#promised.set(region, Math.max(epoch, this.#promised.get(region) ?? 0))
  }

  /** `region` took WAL on a stream of that name. */
  appended(region: Region, streamName: string): void {
    let epoch = this.#streamEpochs.get(streamName)
    if (epoch === undefined) {
      epoch = Number(streamName.slice(streamName.lastIndexOf('-') + 1))
      this.#streamEpochs.set(streamName, epoch)
    }
    const promised = this.#promised.get(region) ?? 0
    if (epoch < promised)
      this.#violated('below-promise', `${region} took WAL in epoch ${epoch} after it had promised epoch ${promised}`)
  }

  begun(region: Region, epoch: number): void {
    const promised = this.#promised.get(region) ?? 0
    if (epoch < promised)
      this.#violated(
        'below-promise',
        `${region} was promoted in epoch ${epoch} after it had promised epoch ${promised}`,
      )
    const before = this.#epochs.get(epoch)
    if (before !== undefined)
      this.#violated('one-primary', `epoch ${epoch} was begun on ${before.region}, and is now begun on ${region}`)
    this.#epochs.set(epoch, { region, isCommitted: false, keys: new Set() })
  }

  /** The first commit of `epoch` has its quorum: what it stands on is what survives. */
  committed(region: Region, epoch: number, wal: readonly WalRecord[]): void {
    const begun = this.#epochs.get(epoch)
    if (begun === undefined || begun.region !== region)
      this.#violated(
        'one-primary',
        `${region} has the first commit of epoch ${epoch}, which was begun on ${begun?.region ?? 'none'}`,
      )
    const keys = new Set(wal.filter((each) => each.kind === 'write').flatMap((each) => each.keys))
    begun.isCommitted = true
    begun.keys = keys
    for (const ack of this.acks) if (ack.epoch < epoch && !keys.has(ack.key)) this.#lose(ack, epoch)
    for (const [key, epochs] of this.#sent) if (!keys.has(key) && Math.min(...epochs) < epoch) this.#phantom(key, epoch)
  }

  /** @param exported what was kept of the node's WAL in files */
  replaced(
    region: Region,
    before: readonly WalRecord[],
    after: readonly WalRecord[],
    exported: ReadonlySet<WalRecord>,
  ): void {
    const kept = new Set(after)
    for (const record of before)
      if (record.kind === 'write' && !kept.has(record) && !exported.has(record))
        this.#violated(
          'exported',
          `${region} threw away order ${record.keys[0]} of epoch ${record.epoch} without a copy`,
        )
  }

  // ---- the bus

  /** The event of this order went into the Kafka of the primary of `epoch`. */
  eventSent(key: string, epoch: number): void {
    const epochs = this.#sent.get(key) ?? new Set<number>()
    if (epochs.has(epoch)) return
    this.#sent.set(key, epochs.add(epoch))
    for (const [later, begun] of this.#epochs)
      if (later > epoch && begun.isCommitted && !begun.keys.has(key)) this.#phantom(key, later)
  }

  #phantom(key: string, epoch: number): void {
    if (this.#commit === 'quorum')
      this.#violated(
        'no-phantom',
        `the event of order ${key} was sent, and epoch ${epoch} stands on what has no such order`,
      )
  }

  // ---- clients

  acked(ack: Ack): void {
    this.acks.push(ack)
    if (!this.#firstAckMs.has(ack.epoch)) this.#firstAckMs.set(ack.epoch, ack.ackedMs)
    for (const [epoch, firstMs] of this.#firstAckMs)
      if (epoch > ack.epoch && ack.sentMs > firstMs)
        this.#violated(
          'epoch-order',
          `order ${ack.key}, sent at ${ack.sentMs}, was acked under epoch ${ack.epoch}, though epoch ${epoch} acked at ${firstMs}`,
        )
    for (const [epoch, begun] of this.#epochs)
      if (epoch > ack.epoch && begun.isCommitted && !begun.keys.has(ack.key)) this.#lose(ack, epoch)
  }

  #lose(ack: Ack, epoch: number): void {
    const what = `order ${ack.key}, acked at ${ack.ackedMs} under epoch ${ack.epoch}, is not in what epoch ${epoch} stands on`
    if (this.#commit === 'quorum') this.#violated('no-loss', what)
    const floorMs = this.#lossFloorMs.get(epoch) ?? Number.NEGATIVE_INFINITY
    if (ack.ackedMs < floorMs && !this.lost.has(ack.key))
      this.#violated('loss-gate', `${what}, and nobody accepted that`)
    this.lost.add(ack.key)
  }
}

function epochOf(effect: Effect): number | null {
  if ('claim' in effect) return effect.claim.epoch
  if ('fence' in effect) return effect.fence.claim.epoch
  return 'promotion' in effect ? effect.promotion.fence.claim.epoch : null
}
