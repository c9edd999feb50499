// The links as they are now: keeps the layers, lets them take turns and expire, and puts the effective settings into the shared table.
import { linkClasses, sites, type Site } from '#protocol/sites.ts'
import type { Counters, LinkChange, LinksReply } from '#protocol/wan.ts'
import { monotonicMs, monotonicNs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import { Endings } from './endings.ts'
import {
  addLayers,
  effectiveSetting,
  inForce,
  isControlCut,
  nextTurnMs,
  removeLayers,
  renewLayers,
  withoutExpired,
  type Layer,
} from './layers.ts'
import { flowIndex, type SharedTable } from './shared-table.ts'

const longestTimerMs = 2 ** 31 - 1

export class Links {
  readonly #table: SharedTable
  readonly #log: Log
  readonly #sinceNs = monotonicNs()
  readonly #endings = new Endings()
  #layers: readonly Layer[] = []
  #fenced: ReadonlySet<Site> = new Set()
  #timer: NodeJS.Timeout | undefined

  constructor(table: SharedTable, log: Log) {
    this.#table = table
    this.#log = log
    this.#apply()
  }

  /** Adds the changes together. Returns the monotonic time (ns) at which they had taken effect. */
  change(changes: readonly LinkChange[]): bigint {
    const before = this.#layers
    this.#layers = addLayers(before, changes, monotonicMs())
    const replaced = idsOf(before, this.#layers)
    const atNs = this.#apply()
    this.#endings.note(replaced, 'replaced', atNs)
    this.#log.info({ changes }, 'links changed')
    return atNs
  }

  /** Removes all changes with this id; there may be none. */
  heal(id: string): bigint {
    const before = this.#layers
    this.#layers = removeLayers(before, id)
    const removed = idsOf(before, this.#layers)
    const atNs = this.#apply()
    this.#endings.note(removed, 'removed', atNs)
    this.#log.info({ id }, 'links healed')
    return atNs
  }

  /** All changes with this id expire so long from now; none that has ended comes back. */
  renew(id: string, expiresInMs: number): void {
    this.#layers = renewLayers(this.#layers, id, monotonicMs() + expiresInMs)
    this.#setTimer()
  }

  /** Cuts these sites off, and no others. */
  fence(fenced: ReadonlySet<Site>): bigint {
    this.#fenced = fenced
    return this.#apply()
  }

  isControlCut(site: Site): boolean {
    return isControlCut(inForce(this.#layers, monotonicMs()), this.#fenced, site)
  }

  state(): LinksReply {
    const nowMs = monotonicMs()
    const layers = inForce(this.#layers, nowMs)
    return {
      atNs: monotonicNs().toString(),
      sinceNs: this.#sinceNs.toString(),
      ended: this.#endings.latest(),
      layers: withoutExpired(this.#layers, nowMs).map(({ change, expiresAtMs }) =>
        expiresAtMs === null ? change : { ...change, expiresInMs: expiresAtMs - nowMs },
      ),
      fenced: [...this.#fenced],
      effective: this.#everyFlow((from, to, linkClass) => {
        const { ownBandwidth: _, ...setting } = effectiveSetting(layers, this.#fenced, from, to, linkClass)
        return { from, to, class: linkClass, ...setting }
      }),
    }
  }

  counters(): Counters {
    return {
      atNs: monotonicNs().toString(),
      links: this.#everyFlow((from, to, linkClass) => {
        const flow = flowIndex(sites.indexOf(from), sites.indexOf(to), linkClasses.indexOf(linkClass))
        return {
          from,
          to,
          class: linkClass,
          packets: this.#table.counter(flow, 'packets'),
          bytes: this.#table.counter(flow, 'bytes'),
          dropped: this.#table.counter(flow, 'dropped'),
          reordered: this.#table.counter(flow, 'reordered'),
        }
      }),
    }
  }

  #everyFlow<Value>(make: (from: Site, to: Site, linkClass: (typeof linkClasses)[number]) => Value): Value[] {
    return sites.flatMap((from) =>
      sites.filter((to) => to !== from).flatMap((to) => linkClasses.map((linkClass) => make(from, to, linkClass))),
    )
  }

  #apply(): bigint {
    const nowMs = monotonicMs()
    const before = this.#layers
    this.#layers = withoutExpired(before, nowMs)
    const layers = inForce(this.#layers, nowMs)
    this.#table.publish((from, to, linkClass) => effectiveSetting(layers, this.#fenced, from, to, linkClass))
    const atNs = monotonicNs()
    this.#endings.note(idsOf(before, this.#layers), 'expired', atNs)
    this.#setTimer()
    this.#log.debug({ layers: this.#layers.length, fenced: this.#fenced.size }, 'links applied')
    return atNs
  }

  #setTimer(): void {
    clearTimeout(this.#timer)
    const nowMs = monotonicMs()
    const turnAtMs = nextTurnMs(this.#layers, nowMs)
    if (turnAtMs === null) return
    const inMs = Math.min(Math.max(turnAtMs - nowMs, 0), longestTimerMs)
    this.#timer = setTimeout(() => this.#turn(), Math.ceil(inMs))
  }

  #turn(): void {
    const expired = this.#layers.length - withoutExpired(this.#layers, monotonicMs()).length
    this.#apply()
    if (expired > 0) this.#log.info({ expired }, 'link changes expired')
  }
}

/** Of the layers that are not there any more. */
function idsOf(before: readonly Layer[], after: readonly Layer[]): readonly string[] {
  const kept = new Set(after)
  return before.filter((layer) => !kept.has(layer)).map((layer) => layer.change.id)
}
