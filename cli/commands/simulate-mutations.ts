// `simulate --mutations`: takes one safety rule after another out of a copy of the code, and searches until an invariant names it.
import { EnvironmentError } from '#world/environment-error.ts'
import { hunt, type Hunted, replayMutated } from '#simulation/mutations/hunt.ts'
import { mutations } from '#simulation/mutations/list.ts'
import type { Mutation } from '#simulation/mutations/mutation.ts'
import { invariants } from '#simulation/violation.ts'
import { interruption, print, say } from '../shared.ts'
import { printEnd, printSchedule } from './simulate-transcript.ts'

const mostSchedules = 50_000
const interrupted = 130

export interface MutationOptions {
  readonly only?: string
  readonly seed?: number
  readonly schedules?: number
  readonly json?: true
  readonly regions?: number
  readonly commit?: string
}

/** @returns the exit code: 1 if one was not found, or was found by an invariant that is none of its own */
export async function simulateMutations(options: MutationOptions): Promise<number> {
  const { only, seed, schedules, json, regions, commit } = options
  if (regions !== undefined || commit !== undefined)
    throw new EnvironmentError('--mutations: each says by itself how many regions and which commit it is searched with')
  const chosen = only === undefined ? mutations : [named(only)]
  if (seed !== undefined) return await replay(chosen, seed)
  const most = Math.min(schedules ?? mostSchedules, mostSchedules)
  say(`${chosen.length} mutations, at most ${most} schedules each`)
  const signal = interruption('the search ends, and its copy of the code is removed')
  const hunted: Hunted[] = []
  for (const mutation of chosen) {
    const each = await hunt(mutation, most, { signal }).catch((error: unknown) => {
      if (signal.aborted) return null
      throw error
    })
    if (each === null) return interrupted
    hunted.push(each)
    if (json !== true) printHunted(each)
  }
  const found = hunted.filter((each) => each.isNamed).length
  if (json === true) print(JSON.stringify(hunted.map(asJson), null, 2))
  else print(`${found} of ${hunted.length} found`)
  return found === hunted.length ? 0 : 1
}

function named(name: string): Mutation {
  const found = mutations.find((each) => each.name === name)
  if (found === undefined)
    throw new EnvironmentError(
      `--only: expected one of ${mutations.map((each) => each.name).join(', ')}, saw ${JSON.stringify(name)}`,
    )
  return found
}

function printHunted(hunted: Hunted): void {
  const { mutation, found, isNamed, schedules, seconds } = hunted
  print(`${mutation.name}: ${mutation.what}`)
  print(`  breaks ${mutation.breaks}`)
  const took = `${seconds.toFixed(1)} s`
  if (found === null) return print(`  NOT FOUND in ${schedules} schedules, ${took}`)
  const { invariant, what } = found.violation
  const only = isNamed ? '' : `NOT BY ITS OWN INVARIANT (${mutation.namedBy.join(', ')}), but `
  print(
    `  ${only}found in schedule ${schedules}, seed ${found.seed}, ${took}, by ${invariant}: ${invariants[invariant]}`,
  )
  print(`  ${what}`)
}

function asJson({ mutation, found, isNamed, schedules, seconds }: Hunted): Readonly<Record<string, unknown>> {
  const { name, what, breaks, namedBy } = mutation
  const seed = found?.seed ?? null
  const violation = found?.violation ?? null
  return { name, what, breaks, namedBy, found: isNamed, schedules, seed, violation, seconds }
}

async function replay(chosen: readonly Mutation[], seed: number): Promise<number> {
  const [mutation] = chosen
  if (mutation === undefined || chosen.length > 1)
    throw new EnvironmentError('--seed: expected --only <name> beside it, since a seed tells another story in each')
  print(`${mutation.name}: ${mutation.what}`)
  print(`breaks ${mutation.breaks}`)
  return printEnd(await replayMutated(mutation, seed, printSchedule, print))
}
