// Two faults that hold one thing: either each can be healed alone, or the second is refused.
import type { FaultKind, FaultSpec } from '#protocol/faults.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { Held, SharedVerb } from './held.ts'
import { handlerOf } from './library.ts'
import { unlessUnread } from './targets.ts'

const shared: readonly string[] = ['paused', 'dead'] satisfies readonly SharedVerb[]

/** What is told of two that exclude each other. */
const words: Readonly<Record<string, string>> = {
  paused: 'pauses',
  dead: 'kills',
  cpu: 'sets the processors of',
  memory: 'sets the memory of',
  clock: 'sets the clock of',
  disk: 'fills the disk of',
  dns: 'breaks the answers of',
  broken: 'breaks the',
}

interface Hold {
  readonly verb: string
  readonly thing: string
}

function parse(hold: string): Hold {
  const at = hold.indexOf(':')
  return { verb: hold.slice(0, at), thing: hold.slice(at + 1) }
}

/** A container is in one state; its processors, its clock and so on are other things. */
function excludes(one: Hold, other: Hold): boolean {
  if (one.thing !== other.thing) return false
  const bothStates = shared.includes(one.verb) && shared.includes(other.verb)
  return bothStates ? one.verb !== other.verb : one.verb === other.verb
}

export type Holder = Pick<FaultSpec, 'kind' | 'target' | 'id'>

/** Of an entry of a version that knows more kinds it is not known what it holds. */
export function holdsOf({ kind, target }: { readonly kind: string; readonly target: string }): readonly string[] {
  return unlessUnread(() => handlerOf(kind).holds(target), [])
}

const described = ({ kind, target, id }: Holder): string => `${kind} of ${target} (${id})`

/** Why two faults can't be in force at the same time, with both names; null if they can. */
export function conflictOf(one: Holder, other: Holder): string | null {
  const held = holdsOf(one).map(parse)
  for (const wanted of holdsOf(other).map(parse)) {
    const hold = held.find((each) => excludes(each, wanted))
    if (hold === undefined) continue
    const [does, would] = [words[hold.verb] ?? hold.verb, words[wanted.verb] ?? wanted.verb]
    const what =
      does === would
        ? `both ${does.replace(/^(\w+)s\b/, '$1')} ${hold.thing}`
        : `one ${does} ${hold.thing}, the other ${would} it`
    return `${described(one)} and ${described(other)} exclude each other: ${what}; heal one before the other begins`
  }
  return null
}

/** What of the ledger excludes a fault; null: nothing. One that is just being healed may still undo what is done to the same thing. */
export function conflictIn(entries: readonly LedgerEntry[], wanted: Holder): string | null {
  for (const entry of entries) {
    const conflict = conflictOf({ ...entry, kind: entry.kind as FaultKind }, wanted)
    if (conflict !== null) return conflict
    const own = holdsOf(wanted)
    const both = entry.healing === true ? holdsOf(entry).find((each) => own.includes(each)) : undefined
    if (both !== undefined)
      return `${entry.kind} of ${entry.target} (${entry.id}), which is being healed just now, still has ${parse(both).thing}; wait for that`
  }
  return null
}

/** What other faults than this one hold. Those that are being healed hold nothing: of two heals side by side the later one lets go. */
export function heldByOthers(entries: readonly LedgerEntry[], id: string): Held {
  const others = entries.filter((each) => each.id !== id && each.healing !== true)
  return new Map(others.flatMap((each) => holdsOf(each).map((hold) => [hold, each.id] as const)))
}
