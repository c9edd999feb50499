// Links between sites, by class of host: delay, jitter, loss, duplicates, cuts. Datagrams vanish; what goes over TCP is sent again.
import type { Chance } from '#runtime/chance.ts'
import type { Timeline } from './timeline.ts'

export const linkClasses = ['control', 'postgres', 'app', 'kafka'] as const
export type LinkClass = (typeof linkClasses)[number]

export interface LinkTrouble {
  readonly loss: number
  readonly delayMs: number
  readonly jitterMs: number
  readonly duplicates: number
}

const regionWanMs = 40
const nearMs = 10
const farMs = 50
const firstResendMs = 200
const longestResends = 7

export class Network {
  readonly siteCount: number
  readonly #regionCount: number
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #cuts: Int16Array
  readonly #trouble = new Map<number, LinkTrouble>()
  #isTroubled = false

  constructor(regionCount: number, areaCount: number, timeline: Timeline, chance: Chance) {
    this.#regionCount = regionCount
    this.siteCount = regionCount + areaCount
    this.#timeline = timeline
    this.#chance = chance
    this.#cuts = new Int16Array(this.siteCount * this.siteCount * linkClasses.length)
  }

  #at(from: number, to: number, kind: number): number {
    return (from * this.siteCount + to) * linkClasses.length + kind
  }

  /** Cuts are counted: a link is up once every cut of it is healed. `kind` null: all classes. */
  change(from: number, to: number, kind: LinkClass | null, by: 1 | -1): void {
    if (from === to) return
    for (const [index, each] of linkClasses.entries())
      if (kind === null || kind === each) {
        const at = this.#at(from, to, index)
        this.#cuts[at] = (this.#cuts[at] ?? 0) + by
      }
  }

  trouble(from: number, to: number, trouble: LinkTrouble | null): void {
    const at = from * this.siteCount + to
    if (trouble === null) this.#trouble.delete(at)
    else this.#trouble.set(at, trouble)
    this.#isTroubled = this.#trouble.size > 0
  }

  /** How many cuts hold the link down. */
  cuts(from: number, to: number, kind: LinkClass): number {
    return this.#cuts[this.#at(from, to, linkClasses.indexOf(kind))] ?? 0
  }

  isUp(from: number, to: number, kind: LinkClass): boolean {
    return from === to || this.cuts(from, to, kind) === 0
  }

  #baseMs(from: number, to: number): number {
    if (from === to) return 0
    if (from < this.#regionCount && to < this.#regionCount) return regionWanMs
    const region = Math.min(from, to)
    const area = Math.max(from, to) - this.#regionCount
    return area % this.#regionCount === region ? nearMs : farMs
  }

  /** One way, with jitter. */
  delayMs(from: number, to: number): number {
    const trouble = this.#isTroubled ? this.#trouble.get(from * this.siteCount + to) : undefined
    const jitter = this.#chance.between(0, trouble === undefined ? 1 : 1 + trouble.jitterMs)
    return this.#baseMs(from, to) + jitter + (trouble?.delayMs ?? 0)
  }

  #isLost(from: number, to: number): boolean {
    if (!this.#isTroubled) return false
    return this.#chance.is(this.#trouble.get(from * this.siteCount + to)?.loss ?? 0)
  }

  datagram(from: number, to: number, kind: LinkClass, deliver: () => void): void {
    if (!this.isUp(from, to, kind) || this.#isLost(from, to)) return
    this.#timeline.at(this.delayMs(from, to), deliver)
    const duplicates = this.#isTroubled ? this.#trouble.get(from * this.siteCount + to)?.duplicates : undefined
    if (duplicates !== undefined && this.#chance.is(duplicates))
      this.#timeline.at(this.delayMs(from, to) + this.#chance.between(0, 200), deliver)
  }

  /** A message that the kernel sends again until it is through; after some tries, or when its sender has given up, maybe never. */
  message(from: number, to: number, kind: LinkClass, deliver: () => void, givenUpMs = Number.POSITIVE_INFINITY): void {
    if (this.isUp(from, to, kind) && !this.#isLost(from, to)) {
      this.#timeline.at(this.delayMs(from, to), deliver)
      return
    }
    const lasts = this.#chance.is(0.5)
    const startMs = this.#timeline.now
    const send = (tries: number): void => {
      if (this.isUp(from, to, kind) && !this.#isLost(from, to)) {
        this.#timeline.at(this.delayMs(from, to), deliver)
        return
      }
      if (tries >= longestResends) return
      if (!lasts && this.#timeline.now - startMs > givenUpMs) return
      this.#timeline.at(firstResendMs * 2 ** tries, () => send(tries + 1))
    }
    this.#timeline.at(firstResendMs, () => send(1))
  }
}
