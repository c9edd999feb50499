// Looks at the world of a drill about once a second: at the evidence of each fault in force, to say when and why one ended before its
// heal and for how long nobody could look; and whoever wants to know what else happened is shown the same sights.
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { isMomentary, type Effect } from './fault.ts'
import { handlerOf } from './library.ts'
import { Lookout } from './look.ts'
import { leaseMs } from './lease.ts'
import { entryStays, together, type Ended, type Judgement, type Sight } from './sight.ts'
import { clockNs } from './wan-calls.ts'

const lookEveryMs = 1000
/** Of what has to be asked for in containers. */
const closerEveryMs = 5000

export interface Observed {
  /** It is over once it has happened: there is nothing to watch. */
  readonly momentary: boolean
  readonly ended: { readonly atNs: bigint; readonly why: string } | null
  /** The longest time without a look that could tell whether it was in force. */
  readonly blindMs: number
}

interface Watched {
  readonly entry: LedgerEntry
  readonly effect: Effect
  /** When each way of looking last told something, ms of the harness's own clock; empty: it has happened, and is over. */
  readonly seenAtMs: Map<'sight' | 'closer', number>
  ended: Ended | null
  blindMs: number
  closerBeganMs: number
  looking: Promise<void> | null
}

export interface WatchPorts {
  nowMs(): number
  onEnded(id: string, ended: { readonly atNs: bigint; readonly why: string }): void
  /** Every look, in order. */
  onSight(sight: Sight): void
}

export class FaultWatch {
  readonly #world: RunningWorld
  readonly #lookout: Lookout
  readonly #ports: WatchPorts
  readonly #watched = new Map<string, Watched>()
  #last: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(world: RunningWorld, ports: WatchPorts) {
    this.#world = world
    this.#lookout = new Lookout(world)
    this.#ports = ports
  }

  /** Before a fault is injected: what becomes of it from its first moment on is heard. Looks at once, and then until it is stopped. */
  async start(): Promise<void> {
    await this.#lookout.open().catch(() => {})
    if (this.#timer !== undefined) return
    await this.look()
    this.#schedule()
  }

  begin(entry: LedgerEntry, effect: Effect): void {
    const handler = handlerOf(entry.kind)
    const nowMs = this.#ports.nowMs()
    const ways: ('sight' | 'closer')[] = []
    if (handler.endedIn !== undefined) ways.push('sight')
    if (handler.lookCloser !== undefined) ways.push('closer')
    this.#watched.set(entry.id, {
      entry,
      effect,
      seenAtMs: new Map(ways.map((way) => [way, nowMs])),
      ended: null,
      blindMs: 0,
      closerBeganMs: nowMs,
      looking: null,
    })
  }

  /** One more look; then it is watched no more: what follows is its heal. */
  async end(id: string): Promise<void> {
    const watched = this.#watched.get(id)
    if (watched === undefined || watched.seenAtMs.size === 0) return
    await this.look()
    if (watched.ended === null) await this.#lookCloser(watched)
    this.#close(watched)
  }

  observed(id: string): Observed {
    const watched = this.#watched.get(id)
    if (watched === undefined) return { momentary: false, ended: null, blindMs: 0 }
    const { ended, entry } = watched
    return {
      momentary: isMomentary(handlerOf(entry.kind)),
      ended: ended === null ? null : { atNs: ended.atNs, why: reasonOf(entry, ended) },
      blindMs: Math.round(watched.blindMs),
    }
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#lookout.close()
  }

  /** Looks are one after another, so that each event is judged by the look that it belongs to. Never rejects. */
  look(): Promise<void> {
    this.#last = this.#lookAfter(this.#last)
    return this.#last
  }

  async #lookAfter(before: Promise<void>): Promise<void> {
    await before
    const watched = new Set(this.#watched.values())
    const sight = await this.#lookout.look()
    // What was seen of a fault that began meanwhile may be from before it; what was heard has its own time.
    const heard = { ...sight, containers: null, wan: null, ledger: null }
    for (const each of this.#watched.values()) this.#judge(each, watched.has(each) ? sight : heard)
    this.#ports.onSight(sight)
  }

  #schedule(): void {
    if (!this.#stopped) this.#timer ??= setTimeout(() => void this.#lookAgain(), lookEveryMs).unref()
  }

  async #lookAgain(): Promise<void> {
    await this.look()
    this.#timer = undefined
    this.#schedule()
  }

  #judge(watched: Watched, sight: Sight): void {
    if (watched.seenAtMs.size === 0) return
    const { entry, effect } = watched
    const handler = handlerOf(entry.kind)
    const events = sight.events.filter(({ atNs }) => atNs > effect.firstNs)
    const judgement = firstEnd(handler.endedIn?.(entry, { ...sight, events }) ?? 'unseen', entryStays(entry, sight))
    if (typeof judgement === 'object') return this.#found(watched, judgement)
    if (judgement === 'in-force') this.#saw(watched, 'sight')
    const isTouched = events.some(({ name }) => handler.holds(entry.target).some((hold) => hold.endsWith(`:${name}`)))
    if (isTouched || this.#ports.nowMs() - watched.closerBeganMs >= closerEveryMs) void this.#lookCloser(watched)
  }

  /** Beside the other looks, since it may take a while. Never rejects. */
  #lookCloser(watched: Watched): Promise<void> {
    const { entry } = watched
    const handler = handlerOf(entry.kind)
    if (handler.lookCloser === undefined) return Promise.resolve()
    watched.closerBeganMs = this.#ports.nowMs()
    const ask = async (): Promise<void> => {
      const why = await handler.lookCloser?.(this.#world, entry)
      if (why === null) this.#saw(watched, 'closer')
      else if (why !== undefined) this.#found(watched, { atNs: await clockNs(this.#world), why, expired: false })
    }
    watched.looking ??= ask()
      .catch(() => {})
      .finally(() => {
        watched.looking = null
      })
    return watched.looking
  }

  #saw(watched: Watched, way: 'sight' | 'closer'): void {
    const [nowMs, before] = [this.#ports.nowMs(), watched.seenAtMs.get(way)]
    if (before === undefined) return
    watched.blindMs = Math.max(watched.blindMs, nowMs - before)
    watched.seenAtMs.set(way, nowMs)
  }

  #found(watched: Watched, ended: Ended): void {
    if (watched.seenAtMs.size === 0) return
    watched.ended = ended
    this.#close(watched)
    this.#ports.onEnded(watched.entry.id, { atNs: ended.atNs, why: reasonOf(watched.entry, ended) })
  }

  #close(watched: Watched): void {
    const nowMs = this.#ports.nowMs()
    for (const before of watched.seenAtMs.values()) watched.blindMs = Math.max(watched.blindMs, nowMs - before)
    watched.seenAtMs.clear()
  }
}

/** That nobody heals a fault does not show that it is in force; that somebody does ends it. */
function firstEnd(ofItself: Judgement, ofEntry: Judgement): Judgement {
  return typeof ofEntry === 'object' ? together([ofItself, ofEntry]) : ofItself
}

/** A fault whose time was over was ended by whoever carries that out; the rest is how it showed. */
function reasonOf(entry: LedgerEntry, { atNs, why, expired }: Ended): string {
  const lastsMs = Number(BigInt(entry.expiresNs) - BigInt(entry.injectedNs)) / 1e6
  if (entry.leased === true) return expired ? `it was not renewed for ${leaseMs / 1000} s, so its time was over` : why
  const overWords = `its time was over (for: ${seconds(lastsMs)})`
  if (expired) return overWords
  return atNs >= BigInt(entry.expiresNs) ? `${overWords}: ${why}` : why
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 100) / 10}s`
}
