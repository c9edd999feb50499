// A fault that a person injects, outside any drill: from words to the ledger. It goes by its time alone, and no drill heals it.
import { randomBytes } from 'node:crypto'
import { parse } from 'yaml'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { manualDrill, type LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven } from '#chaos/fault.ts'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { problemsOf } from './problems.ts'

/** Words that are no fault, in one line. Nothing was done. */
export class FaultInvalid extends Error {
  override readonly name = 'FaultInvalid'
}

export interface FaultWords {
  readonly kind: string
  readonly target: string
  /** Longest duration; absent: the kind's own. */
  readonly for?: string
  /** `key=value`, as in a runbook: `loss=0.1`, `flap.down=2s`. */
  readonly set: readonly string[]
}

/** @throws FaultInvalid */
export function faultFrom(words: FaultWords): FaultSpec {
  const { kind, target } = words
  // An id is never used twice: the heal of an earlier fault, still under way, must not erase a later one's entry.
  const root: Record<string, unknown> = { id: `${kind}-${randomBytes(3).toString('hex')}`, kind, target }
  for (const setting of words.set) set(root, setting)
  if (words.for !== undefined) root['for'] = words.for
  const parsed = faultSpec.safeParse(root)
  if (parsed.success) return parsed.data
  const problems = problemsOf(faultSpec, root, parsed.error)
    // An id is made of the kind: what is wrong with it is told of the kind.
    .filter((each) => each.path[0] !== 'id')
    .map((each) => `${each.path.join('.')}: ${each.expected}, found ${each.found}`)
  throw new FaultInvalid(`${problems.join('; ')}; see: ./firedrill chaos list`)
}

const settable = /^(?!(?:id|kind|target)=)([a-z][a-z-]*)(?:\.([a-z][a-z-]*))?=(.*)$/s

function set(root: Record<string, unknown>, setting: string): void {
  const match = settable.exec(setting)
  const [, key, inner, text] = match ?? []
  if (key === undefined || text === undefined)
    throw new FaultInvalid(`--set: expected key=value such as loss=0.1, found ${JSON.stringify(setting)}`)
  let value: unknown
  try {
    value = parse(text)
  } catch {
    throw new FaultInvalid(`--set ${setting}: expected a YAML value`)
  }
  root[key] = inner === undefined ? value : { ...(root[key] as object | undefined), [inner]: value }
}

/**
 * @returns what was injected, and what shows it
 * @throws FaultImpossible, NothingToBreak: nothing was done
 * @throws FaultUnproven: it was taken back
 */
export async function injectByHand(
  world: RunningWorld,
  spec: FaultSpec,
): Promise<{ readonly entry: LedgerEntry; readonly proof: string }> {
  const { entry } = await injectFault(world, manualDrill, spec)
  try {
    return { entry, proof: await proveFault(world, entry) }
  } catch (error) {
    const healed = await healFault(world, entry)
    throw error instanceof FaultUnproven ? new FaultUnproven(`${error.message}; it was taken back: ${healed}`) : error
  }
}
