// The epoch record, the holder keys and this process's lease in etcd: where authority comes from.
import { epochRecord, type EpochRecord } from '#protocol/epoch.ts'
import { isRegion, type Region, regions } from '#protocol/sites.ts'
import { monotonicMs } from '#runtime/clock.ts'
import type { Etcd } from '#runtime/etcd.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { SwapOutcome } from '../core/inputs.ts'
import { timings } from '../core/settings.ts'

const timeoutMs = 1000
/** Short: it is on the way to a promotion, and an unknown outcome leads to a fresh epoch. */
const swapTimeoutMs = 1500

export interface RecordReading {
  readonly askedMs: number
  readonly record: EpochRecord | null
  readonly revision: string
  readonly holders: readonly { readonly epoch: number; readonly leaseId: string }[]
}

/** A lease, and when the request that granted or renewed it was sent. */
interface Granted {
  readonly sentMs: number
  readonly leaseId: string
}

export class EpochStore {
  readonly #etcd: Etcd
  readonly #prefix: string
  readonly #endpointOf: (region: Region) => string
  #leaseId: string | null = null
  #granting: Promise<Granted> | null = null
  #members: ReadonlyMap<string, string> = new Map()

  /** @param endpointOf authority of a region's member: leadership is moved by a call to the leader itself */
  constructor(etcd: Etcd, dataSet: string, endpointOf: (region: Region) => string) {
    this.#etcd = etcd
    this.#endpointOf = endpointOf
    this.#prefix = `/firedrill/${dataSet}/`
  }

  /** @throws Error if no member answers, or if the record is malformed */
  async read(): Promise<RecordReading> {
    const askedMs = monotonicMs()
    const keys = await this.#etcd.readPrefix(this.#prefix, timeoutMs)
    const found = keys.find((each) => each.key === this.#epochKey)
    const holders = keys
      .filter((each) => each.key.startsWith(this.#holderKey('')))
      .map((each) => ({ epoch: Number(each.key.slice(this.#holderKey('').length)), leaseId: each.leaseId }))
    return {
      askedMs,
      record: found === undefined ? null : epochRecord.parse(JSON.parse(found.value)),
      revision: found?.modRevision ?? '0',
      holders,
    }
  }

  /** A claim takes the record and puts this process's holder key, in one transaction. */
  async claim(record: EpochRecord, expectRevision: string): Promise<SwapOutcome> {
    const leaseId = this.#leaseId ?? (await this.#grantLease().catch(() => null))?.leaseId ?? null
    if (leaseId === null) return { result: 'unknown', reason: 'etcd gave this controller no lease' }
    const holder = { key: this.#holderKey(record.epoch), value: record.owner, leaseId }
    return this.#swap(expectRevision, leaseId, [{ key: this.#epochKey, value: JSON.stringify(record) }, holder])
  }

  async activate(record: EpochRecord, expectRevision: string): Promise<SwapOutcome> {
    return this.#swap(expectRevision, this.#leaseId ?? '0', [{ key: this.#epochKey, value: JSON.stringify(record) }])
  }

  /** Hangs the holder key on the present lease, if the record still has `revision`. */
  async attachHolder(epoch: number, owner: Region, revision: string): Promise<SwapOutcome> {
    const leaseId = this.#leaseId
    if (leaseId === null) return { result: 'unknown', reason: 'this controller has no lease in etcd yet' }
    return this.#swap(revision, leaseId, [{ key: this.#holderKey(epoch), value: owner, leaseId }])
  }

  async releaseHolder(epoch: number): Promise<void> {
    await this.#etcd.remove(this.#holderKey(epoch), timeoutMs)
  }

  /** Grants or renews the lease. @returns when the request was sent; null if the lease has run out (the next call grants one) */
  async renewLease(): Promise<Granted | null> {
    const leaseId = this.#leaseId
    if (leaseId === null) return this.#grantLease()
    const sentMs = monotonicMs()
    if (await this.#etcd.keepLeaseAlive(leaseId, timeoutMs)) return { sentMs, leaseId }
    this.#leaseId = null
    return null
  }

  /** One request at a time: a claim by a process that has just started may need a lease before its first round. */
  async #grantLease(): Promise<Granted> {
    const grant = async (): Promise<Granted> => {
      const sentMs = monotonicMs()
      const leaseId = await this.#etcd.grantLease(timings.leaseTtlMs / 1000, timeoutMs)
      this.#leaseId = leaseId
      return { sentMs, leaseId }
    }
    this.#granting ??= grant().finally(() => (this.#granting = null))
    return this.#granting
  }

  async leader(): Promise<Region | null> {
    if (this.#members.size < regions.length) this.#members = await this.#etcd.members(timeoutMs)
    const id = await this.#etcd.leader(timeoutMs)
    const name = [...this.#members].find(([, memberId]) => memberId === id)?.[0]
    return name !== undefined && isRegion(name) ? name : null
  }

  async moveLeader(from: Region, to: Region): Promise<void> {
    const member = this.#members.get(to)
    if (member === undefined)
      throw new Error(`expected etcd to know a member named ${to}, saw ${[...this.#members.keys()].join(', ')}`)
    await this.#etcd.transferLeadership(this.#endpointOf(from), member, timeoutMs * 2)
  }

  get #epochKey(): string {
    return `${this.#prefix}epoch`
  }

  #holderKey(epoch: number | ''): string {
    return `${this.#prefix}holder/${epoch}`
  }

  async #swap(
    revision: string,
    leaseId: string,
    puts: readonly { readonly key: string; readonly value: string; readonly leaseId?: string }[],
  ): Promise<SwapOutcome> {
    try {
      const reply = await this.#etcd.swap(this.#epochKey, revision, puts, swapTimeoutMs)
      return reply.done ? { result: 'won', revision: reply.revision, leaseId } : { result: 'lost' }
    } catch (error) {
      return { result: 'unknown', reason: messageOf(error) }
    }
  }
}
