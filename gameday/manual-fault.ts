// A fault that a person injects, outside any drill: from words to the ledger. It goes by its time alone, and no drill heals it.
import { randomBytes } from 'node:crypto'
import { parse } from 'yaml'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { manualDrill, type LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven } from '#chaos/fault.ts'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { meaningProblemsOfFault } from './meaning.ts'
import { problemsOf, type Problem } from './problems.ts'

/** Words that are no fault, in one line. Nothing was done. */
export class FaultInvalid extends Error {
  override readonly name = 'FaultInvalid'
}

export interface FaultWords {
  readonly kind: string
  readonly target: string
  /** How long it lasts; absent: 10 minutes. */
  readonly for?: string
  /** `key=value`, as in a runbook: `loss=0.1`, `flap.down=2s`. */
  readonly set: readonly string[]
}

/** What of a fault is not taken: which of its keys, and why. */
export interface FaultProblem {
  readonly field: string
  readonly message: string
}

/** Nobody renews it, so it has a planned end whoever injects it. */
export const manualFaultTime = '10m'

/** An id is never used twice: the heal of an earlier fault, still under way, must not erase a later one's entry. */
function newId(kind: string): string {
  return `${kind}-${randomBytes(3).toString('hex')}`
}

/** By the schema alone. @param raw as a runbook has it, without an id */
export function readFault(
  raw: Readonly<Record<string, unknown>>,
): { readonly spec: FaultSpec } | { readonly problems: readonly FaultProblem[] } {
  const id = newId(/^[a-z-]+$/.exec(String(raw['kind']))?.[0] ?? 'fault')
  const root = { for: manualFaultTime, ...raw, id }
  const parsed = faultSpec.safeParse(root)
  return parsed.success
    ? { spec: parsed.data }
    : { problems: problemsOf(faultSpec, root, parsed.error).map(told('kind')) }
}

/** What the schema can't say: a fault without any effect, or one that contradicts itself. */
export function senselessIn(spec: FaultSpec): readonly FaultProblem[] {
  return meaningProblemsOfFault(spec).map(told('target'))
}

const told =
  (ofTheWhole: string) =>
  ({ path, expected, found }: Problem): FaultProblem => ({
    field: path.length === 0 ? ofTheWhole : path.join('.'),
    message: `${expected}, found ${found}`,
  })

/** @throws FaultInvalid */
export function faultFrom(words: FaultWords): FaultSpec {
  const { kind, target } = words
  const root: Record<string, unknown> = { kind, target }
  for (const setting of words.set) set(root, setting)
  if (words.for !== undefined) root['for'] = words.for
  const read = readFault(root)
  const problems = 'problems' in read ? read.problems : senselessIn(read.spec)
  if ('spec' in read && problems.length === 0) return read.spec
  throw new FaultInvalid(
    `${problems.map(({ field, message }) => `${field}: ${message}`).join('; ')}; see: ./firedrill chaos list`,
  )
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
 * @returns what was injected, and what shows it, or rejects with FaultUnproven once it is taken back
 * @throws FaultImpossible, NothingToBreak: nothing was done
 */
export async function injectByHand(
  world: RunningWorld,
  spec: FaultSpec,
): Promise<{ readonly entry: LedgerEntry; readonly proven: Promise<string> }> {
  const { entry } = await injectFault(world, manualDrill, spec)
  return { entry, proven: proveOrTakeBack(world, entry) }
}

async function proveOrTakeBack(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  try {
    return await proveFault(world, entry)
  } catch (error) {
    const healed = await healFault(world, entry)
    throw error instanceof FaultUnproven ? new FaultUnproven(`${error.message}; it was taken back: ${healed}`) : error
  }
}
