// What other faults hold: whoever heals leaves that as it is, so that of two faults on one thing the second is not undone with the first.
import type { Target } from '#world/running-world.ts'
import { nameOf } from './targets.ts'

/** What is done to a thing. Of two that do the same of these to one container, each may be healed alone; all others exclude each other. */
export type SharedVerb = 'paused' | 'dead'

/** By hold (`paused:controller.c`): the id of the fault that has it. */
export type Held = ReadonlyMap<string, string>

export const nothingHeld: Held = new Map()

export function holdOn(verb: SharedVerb | 'cpu' | 'memory' | 'clock' | 'disk' | 'dns') {
  return (target: Target): string => `${verb}:${nameOf(target)}`
}

/** Of these containers, those that no other fault keeps so. */
export function released(targets: readonly Target[], verb: SharedVerb, held: Held): readonly Target[] {
  return targets.filter((each) => !held.has(holdOn(verb)(each)))
}

/** `; controller.c held by drill.big`: what of them is kept by whom. Empty: nothing. */
export function heldWords(targets: readonly Target[], verb: SharedVerb, held: Held): string {
  const byFault = Map.groupBy(
    targets.filter((each) => held.has(holdOn(verb)(each))),
    (each) => held.get(holdOn(verb)(each)),
  )
  return [...byFault].map(([id, each]) => `; ${each.map(nameOf).join(', ')} held by ${id}`).join('')
}
