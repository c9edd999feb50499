// What one look at a world shows of all faults in force, and what the files of the faults make of it. Pure.
import type { FenceState, LedgerEntry, LedgerHistory, LinksReply } from '#protocol/wan.ts'
import type { ContainerFacts, Target } from '#world/running-world.ts'
import { nameOf } from './targets.ts'

/** Something that Docker did with a container. */
export interface ContainerEvent {
  readonly name: string
  readonly action: string
  /** Of a `kill`. */
  readonly signal: string | null
  /** Monotonic ns of the WAN's kernel. */
  readonly atNs: bigint
  /** When it was at the earliest and at the latest: the same, unless somebody has set the clock that Docker tells. */
  readonly betweenNs: readonly [bigint, bigint]
}

export interface Sight {
  readonly atNs: bigint
  /** By name. Null: Docker did not say, or what it did meanwhile may have been missed. */
  readonly containers: ReadonlyMap<string, Pick<ContainerFacts, 'state' | 'networks'>> | null
  /** Null: the WAN did not say. */
  readonly wan: { readonly links: LinksReply; readonly fence: FenceState } | null
  /** Since the fault took effect and the look before this one. */
  readonly events: readonly ContainerEvent[]
  /** Read after these events were heard: whoever made one of them is in it. Null: the WAN did not say. */
  readonly ledger: LedgerHistory | null
}

/** The first evidence that a fault is not in force as a whole any more. */
export interface Ended {
  readonly atNs: bigint
  /** What showed it: the middle of a sentence. */
  readonly why: string
  /** Whoever carries it out said that its time was over. */
  readonly expired: boolean
}

export type Judgement = 'in-force' | 'unseen' | Ended

/** Of a fault of several parts: the first end of any; unseen if any is. */
export function together(parts: readonly Judgement[]): Judgement {
  const ended = parts.filter((each) => typeof each === 'object')
  const [first] = ended.toSorted((left, right) => (left.atNs < right.atNs ? -1 : 1))
  return first ?? (parts.includes('unseen') ? 'unseen' : 'in-force')
}

/** How a container must not be dealt with while it is so, and what that is called. */
const undoing = {
  paused: { unpause: 'was unpaused by somebody else', die: 'died' },
  dead: { start: 'was started by somebody else' },
} as const
const statesOf = { paused: ['paused'], dead: ['exited', 'created', 'dead'] } as const

/** Whether all of these containers are paused, or dead, and were all the time. */
export function containersStay(targets: readonly Target[], verb: keyof typeof undoing, sight: Sight): Judgement {
  const words: Readonly<Record<string, string>> = undoing[verb]
  const states: readonly string[] = statesOf[verb]
  return together(
    targets.map(nameOf).map((name): Judgement => {
      const event = sight.events.find((each) => each.name === name && Object.hasOwn(words, each.action))
      if (event !== undefined)
        return { atNs: event.atNs, why: `container ${name} ${words[event.action]}`, expired: false }
      if (sight.containers === null) return 'unseen'
      const state = sight.containers.get(name)?.state
      if (state !== undefined && states.includes(state)) return 'in-force'
      return { atNs: sight.atNs, why: `container ${name} is ${state ?? 'gone'}, not ${verb}`, expired: false }
    }),
  )
}

const endingWords = {
  expired: 'its time was over',
  removed: 'somebody else took it back at the WAN',
  replaced: 'another took its place at the WAN',
} as const

/** Whether nobody else heals it, or has. */
export function entryStays({ id, injectedNs }: LedgerEntry, { ledger, atNs }: Sight): Judgement {
  if (ledger === null) return 'unseen'
  const isIt = (each: LedgerEntry): boolean => each.id === id && each.injectedNs === injectedNs
  const past = ledger.past.find((each) => isIt(each.entry))
  const entry = ledger.entries.find(isIt) ?? past?.entry
  const why = 'somebody else healed it'
  if (entry === undefined) return { atNs, why, expired: false }
  const { healing, healingNs } = entry
  if (healing !== true && past === undefined) return 'in-force'
  const beganNs = BigInt(healingNs ?? past?.goneNs ?? atNs)
  return { atNs: beganNs, why, expired: beganNs >= BigInt(entry.expiresNs) }
}

/** What the WAN itself tells of something that does not outlive its process. */
function wanStays(
  entry: LedgerEntry,
  sight: Sight,
  partOf: (wan: NonNullable<Sight['wan']>) => {
    readonly isThere: boolean
    readonly ended: FenceState['ended']
    readonly what: string
  },
): Judgement {
  if (sight.wan === null) return 'unseen'
  const sinceNs = BigInt(sight.wan.links.sinceNs)
  if (sinceNs > BigInt(entry.injectedNs)) return { atNs: sinceNs, why: 'the WAN was restarted', expired: false }
  const { isThere, ended, what } = partOf(sight.wan)
  if (isThere) return 'in-force'
  const ending = ended.find(({ id }) => id === entry.id)
  if (ending === undefined) return { atNs: sight.atNs, why: `the WAN has no ${what} of it any more`, expired: false }
  return { atNs: BigInt(ending.atNs), why: endingWords[ending.why], expired: ending.why === 'expired' }
}

/** Whether the WAN has as many changes of links of this fault as it was given. */
export function linksStay(entry: LedgerEntry, changes: number, sight: Sight): Judgement {
  return wanStays(entry, sight, ({ links: { layers, ended } }) => {
    return { isThere: layers.filter(({ id }) => id === entry.id).length >= changes, ended, what: 'change of links' }
  })
}

export function fenceStaysBroken(entry: LedgerEntry, sight: Sight): Judgement {
  return wanStays(entry, sight, ({ fence: { brokenBy, ended } }) => {
    return { isThere: brokenBy === entry.id, ended, what: 'break of the fence device' }
  })
}
