// The links as they are now: keeps the layers, lets them take turns and expire, and puts the effective settings into the shared table.
import { linkClasses, sites, type Site } from '#protocol/sites.ts'
import type { Counters, LinkChange, LinksReply } from '#protocol/wan.ts'
import { monotonicMs, monotonicNs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import {
  addLayers,
  effectiveSetting,
  inForce,
  isControlCut,
  nextTurnMs,
  removeLayers,
  withoutExpired,
  type Layer,
} from './layers.ts'
import { flowIndex, type SharedTable } from './shared-table.ts'

const longestTimerMs = 2 ** 31 - 1

export class Links {
  readonly #table: SharedTable
  readonly #log: Log
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
    this.#layers = addLayers(this.#layers, changes, monotonicMs())
    const atNs = this.#apply()
    this.#log.info({ changes }, 'links changed')
    return atNs
  }

  /** Removes all changes with this id; there may be none. */
  heal(id: string): bigint {
    this.#layers = removeLayers(this.#layers, id)
    const atNs = this.#apply()
    this.#log.info({ id }, 'links healed')
    return atNs
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
    this.#layers = withoutExpired(this.#layers, nowMs)
    const layers = inForce(this.#layers, nowMs)
    this.#table.publish((from, to, linkClass) => effectiveSetting(layers, this.#fenced, from, to, linkClass))
    const atNs = monotonicNs()
    clearTimeout(this.#timer)
    const turnAtMs = nextTurnMs(this.#layers, nowMs)
    if (turnAtMs !== null) {
      const inMs = Math.min(Math.max(turnAtMs - monotonicMs(), 0), longestTimerMs)
      this.#timer = setTimeout(() => this.#turn(), Math.ceil(inMs))
    }
    this.#log.debug({ layers: this.#layers.length, fenced: this.#fenced.size }, 'links applied')
    return atNs
  }

  #turn(): void {
    const expired = this.#layers.length - withoutExpired(this.#layers, monotonicMs()).length
    this.#apply()
    if (expired > 0) this.#log.info({ expired }, 'link changes expired')
  }
}
