// What the WAN counts on links, while something is sent over those on which nothing goes by itself.
import { linkClasses, type LinkClass } from '#protocol/sites.ts'
import type { Counters, LinksReply } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { endsOf, runningNames, sendDatagrams, type Ends } from './inside.ts'
import { linkName, type Link } from './targets.ts'
import { linkCounters, linksState } from './wan-calls.ts'

const lookEveryMs = 150
/** Beats go ten times a second, so what has its own traffic has shown it by then. */
const ownTrafficMs = 300

type Count = 'packets' | 'dropped' | 'reordered' | 'bytes'

/** Sum over the classes, or of one. */
export function countOn({ links }: Counters, link: Link, linkClass: LinkClass | undefined, field: Count): number {
  return links
    .filter(({ from, to }) => from === link.from && to === link.to)
    .filter((each) => linkClass === undefined || each.class === linkClass)
    .reduce((sum, each) => sum + each[field], 0)
}

/** What holds on a link now, for a class. */
export function effectiveOn(
  { effective }: LinksReply,
  link: Link,
  linkClass: LinkClass,
): LinksReply['effective'][number] | undefined {
  return effective.find((each) => each.from === link.from && each.to === link.to && each.class === linkClass)
}

/** Whether a packet would be through in a second, and not lost more often than not. */
export function isUsable(setting: LinksReply['effective'][number] | undefined): boolean {
  return setting !== undefined && setting.up && setting.loss <= 0.5 && setting.delayMs * (1 + setting.jitter) <= 1000
}

export interface Watched {
  /** Packets dropped on links that had to drop, and delivered on links that had to deliver. */
  readonly dropped: number
  readonly delivered: number
  /** What should have been seen, and was not. */
  readonly unseen: readonly string[]
  /** Links on which nothing could be sent: nothing runs at their beginning, or nothing of the class. */
  readonly mute: readonly string[]
}

interface Wanted {
  readonly link: Link
  readonly field: 'dropped' | 'packets'
  readonly ends: Ends | null
}

/** Of these links, those that nothing else (another fault, a fence) keeps from delivering just now. */
export async function usableLinks(
  world: RunningWorld,
  links: readonly Link[],
  linkClass: LinkClass | undefined,
): Promise<readonly Link[]> {
  const state = await linksState(world)
  return links.filter((link) =>
    (linkClass === undefined ? linkClasses : [linkClass]).every((each) => isUsable(effectiveOn(state, link, each))),
  )
}

/** Watches until a packet was dropped on each link of `dropping` and delivered on each of `delivering`, at most for `withinMs`. */
export async function watchTraffic(
  world: RunningWorld,
  options: {
    readonly dropping: readonly Link[]
    readonly delivering: readonly Link[]
    readonly class: LinkClass | undefined
    readonly withinMs: number
  },
): Promise<Watched> {
  const before = await linkCounters(world)
  const beganMs = performance.now()
  const running = await runningNames(world)
  const want = (links: readonly Link[], field: Wanted['field']): Wanted[] =>
    links.map((link) => {
      const usable = { source: (name: string): boolean => running.has(name), host: () => true }
      return { link, field, ends: endsOf(link, options.class, usable) }
    })
  const all = [...want(options.dropping, 'dropped'), ...want(options.delivering, 'packets')]
  const seen = (now: Counters, { link, field }: Wanted): number =>
    countOn(now, link, options.class, field) - countOn(before, link, options.class, field)
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    const now = await linkCounters(world)
    const sum = (field: Wanted['field']): number =>
      all.filter((each) => each.field === field).reduce((total, each) => total + seen(now, each), 0)
    const missing = all.filter((each) => seen(now, each) <= 0)
    const waitingFor = missing.filter(({ ends }) => ends !== null)
    const passedMs = performance.now() - beganMs
    if (waitingFor.length === 0 || passedMs > options.withinMs) {
      return {
        dropped: sum('dropped'),
        delivered: sum('packets'),
        unseen: waitingFor.map(({ link, field }) => `${linkName(link)} ${field === 'dropped' ? 'drop' : 'deliver'}`),
        mute: missing.filter(({ ends }) => ends === null).map(({ link }) => linkName(link)),
      }
    }
    if (passedMs < ownTrafficMs) continue
    // Spread out, so that some of it meets the down turns of a flapping link and some the up turns.
    const ends = waitingFor.flatMap((each) => each.ends ?? [])
    await sendDatagrams(world, ends, { rounds: 5, pauseMs: 60, each: 1, bytes: 1 })
  }
}
