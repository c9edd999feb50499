// What happens to a packet between two sites: to which link and class it belongs, whether it is dropped, when it is due, and
// its new addresses. Knows no device and no clock, so that tests can drive it.
import { hostClass, linkClasses, packetClass, siteHosts, sites } from '#protocol/sites.ts'
import { DelayQueue } from './delay-queue.ts'
import { ipv4, isIpv4Packet, rewritePacket } from './rewrite.ts'
import {
  classCount,
  counterFields,
  counterWidth,
  flowIndex,
  linkCount,
  settingFields,
  settingWidth,
  siteCount,
  type SharedTable,
} from './shared-table.ts'

const hostsPerSite = 32
const flowCount = linkCount * classCount
const timingFields = [settingFields.delayMs, settingFields.bandwidthBps, settingFields.ownBandwidth] as const

function linkOf(flow: number): number {
  return Math.floor(flow / classCount)
}

/** A queue before a slow link holds at most this many bytes, and at most a second of the link's rate. */
export const queueLimitBytes = 256 * 1024
/** It holds at least two full packets, so that a very slow link passes any; not more, or connections over it would time out. */
const queueFloorBytes = 2 * 1500

/** First 24 bits of an address, from text such as `198.18.0`. */
export function netNumber(prefix: string): number {
  return prefix.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}

export class Forwarder {
  readonly queue: DelayQueue
  readonly #table: SharedTable
  readonly #random: () => number
  readonly #nets: readonly number[]
  readonly #siteOfNet: ReadonlyMap<number, number>
  readonly #classOfHost: Uint8Array
  readonly #classOfPair: Uint8Array
  // Per flow: when its last packet is due and the delay under which that was decided.
  readonly #lastDueMs: Float64Array
  readonly #lastDelayMs: Float64Array
  // Per queue before a link: when its last byte has been sent. First the classes' own queues, then those shared by all.
  readonly #sentAtMs: Float64Array
  // Per slot: when its packet's last bit has left the queue before its link.
  readonly #slotSentMs: Float64Array
  // Per link: its packets in flight. A quarter of the slots is dealt out, as many to each link; the others go to whoever needs them.
  readonly #inFlight = new Int32Array(linkCount)
  readonly #ownSlots: number
  #ownSlotsFree: number
  // What of the settings decides when packets are due, as it was when the queue was last timed by it.
  readonly #timing: Float64Array
  #version: number
  readonly #target = { source: 0, destination: 0, fromNet: 0, toNet: 0 }

  constructor(table: SharedTable, prefixes: readonly string[], capacity: number, random: () => number) {
    this.queue = new DelayQueue(capacity)
    this.#ownSlots = Math.floor(capacity / 4 / linkCount)
    this.#ownSlotsFree = this.#ownSlots * linkCount
    this.#table = table
    this.#random = random
    this.#nets = prefixes.map(netNumber)
    this.#siteOfNet = new Map(this.#nets.map((net, site) => [net, site]))
    this.#classOfHost = new Uint8Array(siteCount * hostsPerSite)
    for (const [index, site] of sites.entries()) {
      for (let host = 0; host < hostsPerSite; host += 1) {
        this.#classOfHost[index * hostsPerSite + host] = linkClasses.indexOf(hostClass(site, host))
      }
    }
    this.#classOfPair = Uint8Array.from({ length: classCount * classCount }, (_, pair) =>
      linkClasses.indexOf(packetClass(linkClasses[Math.floor(pair / classCount)]!, linkClasses[pair % classCount]!)),
    )
    this.#lastDueMs = new Float64Array(flowCount)
    this.#lastDelayMs = new Float64Array(flowCount)
    this.#sentAtMs = new Float64Array(flowCount + linkCount)
    this.#slotSentMs = new Float64Array(capacity)
    this.#timing = new Float64Array(flowCount * timingFields.length)
    this.#version = table.version()
    this.#changedLinks()
  }

  /** Takes the packet that was read into `slot`: it is queued, or dropped and its slot released. */
  admit(slot: number, length: number, nowMs: number): void {
    const flow = this.#route(slot, length)
    if (flow < 0) {
      this.queue.release(slot)
      return
    }
    this.#followChanges(nowMs)
    const dueMs = this.#hasRoom(linkOf(flow)) ? this.#dueMs(flow, slot, length, nowMs) : -1
    if (dueMs < 0) {
      this.drop(slot, flow)
      return
    }
    this.queue.lengths[slot] = length
    this.queue.tags[slot] = flow
    this.queue.push(slot, dueMs)
    this.#hold(linkOf(flow), 1)
  }

  /**
   * The slot of the next packet to write out, or -1 if none is due. Packets in flight on a link that has gone down meanwhile
   * are lost. The caller calls `delivered` or `drop` for each slot.
   */
  nextDelivery(nowMs: number): number {
    this.#followChanges(nowMs)
    for (;;) {
      const slot = this.queue.pop(nowMs)
      if (slot < 0) return -1
      const flow = this.queue.tags[slot]!
      this.#hold(linkOf(flow), -1)
      if (this.#table.settings[this.#table.activeOffset() + flow * settingWidth + settingFields.up] === 1) return slot
      this.drop(slot, flow)
    }
  }

  delivered(slot: number): void {
    const at = this.queue.tags[slot]! * counterWidth
    const { counters } = this.#table
    counters[at + counterFields.packets]! += 1
    counters[at + counterFields.bytes]! += this.queue.lengths[slot]!
    this.queue.release(slot)
  }

  drop(slot: number, flow: number): void {
    this.#table.counters[flow * counterWidth + counterFields.dropped]! += 1
    this.queue.release(slot)
  }

  // Of the shared slots a link may have as many as it leaves free: a slow one never has all, and there is always one to read into.
  #hasRoom(link: number): boolean {
    const shared = this.#inFlight[link]! - this.#ownSlots
    return shared < 0 || shared < this.queue.free - this.#ownSlotsFree
  }

  #hold(link: number, change: 1 | -1): void {
    const before = this.#inFlight[link]!
    this.#inFlight[link] = before + change
    if (Math.min(before, before + change) < this.#ownSlots) this.#ownSlotsFree -= change
  }

  // Finds link and class and rewrites the packet for its new site; -1 if it isn't one to be carried.
  #route(slot: number, length: number): number {
    const { view } = this.queue
    const at = slot * (this.queue.memory.byteLength / this.queue.capacity)
    if (!isIpv4Packet(view, at, length)) return -1
    const source = view.getUint32(at + ipv4.source)
    const destination = view.getUint32(at + ipv4.destination)
    const fromNet = destination >>> 8
    const from = this.#siteOfNet.get(fromNet)
    const to = (destination & 255) >>> 5
    if (from === undefined || to >= siteCount || to === from) return -1
    const toNet = this.#nets[to]!
    let sourceOctet = source & 255
    if (source >>> 8 !== fromNet) {
      // The kernel here complains about a packet (no such host, too many hops), with one of its own addresses.
      sourceOctet = from * hostsPerSite + siteHosts.wan
    } else if (sourceOctet >>> 5 !== from) return -1
    this.#target.source = ((toNet << 8) | sourceOctet) >>> 0
    this.#target.destination = ((toNet << 8) | (destination & 255)) >>> 0
    this.#target.fromNet = fromNet
    this.#target.toNet = toNet
    rewritePacket(view, at, length, this.#target)
    const pair = this.#classOfHost[sourceOctet]! * classCount + this.#classOfHost[destination & 255]!
    return flowIndex(from, to, this.#classOfPair[pair]!)
  }

  // When the packet is due at the far end; -1 if it is lost.
  #dueMs(flow: number, slot: number, length: number, nowMs: number): number {
    const { settings } = this.#table
    const at = this.#table.activeOffset() + flow * settingWidth
    if (settings[at + settingFields.up] !== 1) return -1
    const loss = settings[at + settingFields.loss]!
    if (loss > 0 && this.#random() < loss) return -1
    const sentMs = this.#sentMs(flow, at, length, nowMs)
    if (sentMs < 0) return -1
    this.#slotSentMs[slot] = sentMs
    const reorder = settings[at + settingFields.reorder]!
    if (reorder > 0 && this.#random() < reorder) {
      this.#table.counters[flow * counterWidth + counterFields.reordered]! += 1
      return sentMs
    }
    const delayMs = settings[at + settingFields.delayMs]!
    const jitter = settings[at + settingFields.jitter]!
    const dueMs = sentMs + (jitter === 0 ? delayMs : delayMs * (1 + jitter * (2 * this.#random() - 1)))
    // Jitter alone never reorders. A changed delay is another path: what is still on the old one doesn't hold up the new.
    const inOrderMs = this.#lastDelayMs[flow] === delayMs ? Math.max(dueMs, this.#lastDueMs[flow]!) : dueMs
    this.#lastDelayMs[flow] = delayMs
    this.#lastDueMs[flow] = inOrderMs
    return inOrderMs
  }

  // When the packet's last bit has left the queue before the link; -1 if the queue is full.
  #sentMs(flow: number, at: number, length: number, nowMs: number): number {
    const bandwidthBps = this.#table.settings[at + settingFields.bandwidthBps]!
    if (bandwidthBps === 0) return nowMs
    const own = this.#table.settings[at + settingFields.ownBandwidth] === 1
    const queue = own ? flow : flowCount + linkOf(flow)
    const bytesPerMs = bandwidthBps / 8000
    const limitBytes = Math.max(queueFloorBytes, Math.min(queueLimitBytes, bytesPerMs * 1000))
    const startMs = Math.max(nowMs, this.#sentAtMs[queue]!)
    if ((startMs - nowMs) * bytesPerMs + length > limitBytes) return -1
    this.#sentAtMs[queue] = startMs + length / bytesPerMs
    return this.#sentAtMs[queue]
  }

  // Packets in flight go by the settings that hold now: healed means healed, also for what waited at a rate that is no more.
  #followChanges(nowMs: number): void {
    const version = this.#table.version()
    if (version === this.#version) return
    this.#version = version
    const changed = this.#changedLinks()
    if (changed.size === 0) return
    for (const link of changed) {
      this.#sentAtMs[flowCount + link] = nowMs
      this.#sentAtMs.fill(nowMs, link * classCount, (link + 1) * classCount)
      this.#lastDueMs.fill(0, link * classCount, (link + 1) * classCount)
    }
    this.queue.retime(
      (slot) => changed.has(linkOf(this.queue.tags[slot]!)),
      (slot, dueMs) => this.#dueAgainMs(slot, dueMs, nowMs),
    )
  }

  // When a packet in flight is due by the settings of now; -1 if the queue before its link is too short for it.
  #dueAgainMs(slot: number, dueMs: number, nowMs: number): number {
    const flow = this.queue.tags[slot]!
    const at = this.#table.activeOffset() + flow * settingWidth
    const delayMs = this.#table.settings[at + settingFields.delayMs]!
    let againMs = Math.min(dueMs, nowMs + delayMs)
    if (this.#slotSentMs[slot]! > nowMs) {
      const sentMs = this.#sentMs(flow, at, this.queue.lengths[slot]!, nowMs)
      if (sentMs < 0) {
        this.#hold(linkOf(flow), -1)
        this.drop(slot, flow)
        return -1
      }
      this.#slotSentMs[slot] = sentMs
      againMs = sentMs + delayMs
    }
    this.#lastDelayMs[flow] = delayMs
    this.#lastDueMs[flow] = Math.max(this.#lastDueMs[flow]!, againMs)
    return againMs
  }

  // The links of which any class has another delay or bandwidth than when this was last asked.
  #changedLinks(): ReadonlySet<number> {
    const changed = new Set<number>()
    const offset = this.#table.activeOffset()
    for (let flow = 0; flow < flowCount; flow += 1)
      for (const [index, field] of timingFields.entries()) {
        const value = this.#table.settings[offset + flow * settingWidth + field]!
        const at = flow * timingFields.length + index
        if (this.#timing[at] === value) continue
        this.#timing[at] = value
        changed.add(linkOf(flow))
      }
    return changed
  }
}
