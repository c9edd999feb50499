// What the main thread and the data plane share: the effective settings of each link and class, and the counters.
// Settings are written into a spare table and taken into use by one atomic store: all changes of a request at one instant.
import { linkClasses, sites, type LinkClass, type Site } from '#protocol/sites.ts'
import type { EffectiveSetting } from './layers.ts'

export const siteCount = sites.length
export const classCount = linkClasses.length
export const linkCount = siteCount * siteCount
const flowCount = linkCount * classCount

// Several spare tables, so that a packet whose settings are being read never sees a table in the making.
const tableCount = 8
/** Fields of one link and class in a table. */
export const settingFields = {
  up: 0,
  delayMs: 1,
  jitter: 2,
  loss: 3,
  reorder: 4,
  bandwidthBps: 5,
  /** 1 if the bandwidth is the class's own, 0 if it is shared by all traffic of the link. */
  ownBandwidth: 6,
} as const
export const settingWidth = 7
const tableSize = flowCount * settingWidth
export const counterFields = { packets: 0, bytes: 1, dropped: 2, reordered: 3 } as const
export const counterWidth = 4

/** Number of a link and class: what the data plane calls a flow. */
export function flowIndex(from: number, to: number, linkClass: number): number {
  return (from * siteCount + to) * classCount + linkClass
}

export interface SharedMemory {
  readonly settings: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly control: SharedArrayBuffer
}

export function createSharedMemory(): SharedMemory {
  return {
    settings: new SharedArrayBuffer(tableCount * tableSize * 8),
    counters: new SharedArrayBuffer(flowCount * counterWidth * 8),
    // Which table is in use, and how often one was taken into use.
    control: new SharedArrayBuffer(8),
  }
}

/** Both threads' view. `settings` is read at `activeOffset()` + flow * settingWidth + field. */
export class SharedTable {
  readonly settings: Float64Array
  readonly counters: Float64Array
  readonly #control: Int32Array

  constructor(memory: SharedMemory) {
    this.settings = new Float64Array(memory.settings)
    this.counters = new Float64Array(memory.counters)
    this.#control = new Int32Array(memory.control)
  }

  activeOffset(): number {
    return Atomics.load(this.#control, 0) * tableSize
  }

  /** Another number after each change. */
  version(): number {
    return Atomics.load(this.#control, 1)
  }

  /** Takes the settings of all links into use at one instant. Main thread only. */
  publish(effective: (from: Site, to: Site, linkClass: LinkClass) => EffectiveSetting): void {
    const next = (Atomics.load(this.#control, 0) + 1) % tableCount
    for (const [from, fromSite] of sites.entries()) {
      for (const [to, toSite] of sites.entries()) {
        if (from === to) continue
        for (const [index, linkClass] of linkClasses.entries()) {
          const at = next * tableSize + flowIndex(from, to, index) * settingWidth
          const setting = effective(fromSite, toSite, linkClass)
          this.settings[at + settingFields.up] = setting.up ? 1 : 0
          this.settings[at + settingFields.delayMs] = setting.delayMs
          this.settings[at + settingFields.jitter] = setting.jitter
          this.settings[at + settingFields.loss] = setting.loss
          this.settings[at + settingFields.reorder] = setting.reorder
          this.settings[at + settingFields.bandwidthBps] = setting.bandwidthBps
          this.settings[at + settingFields.ownBandwidth] = setting.ownBandwidth ? 1 : 0
        }
      }
    }
    Atomics.store(this.#control, 0, next)
    Atomics.add(this.#control, 1, 1)
  }

  counter(flow: number, field: keyof typeof counterFields): number {
    return this.counters[flow * counterWidth + counterFields[field]]!
  }
}
