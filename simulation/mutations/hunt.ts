// Searches a mutated copy until an invariant names the mutation; and replays one schedule in such a copy.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { drawSchedule, Schedule } from '../draw.ts'
import type { Outcome, runSchedule } from '../run.ts'
import { type Found, inWorker, type SearchOptions } from '../search.ts'
import { withCopy } from './copy.ts'
import type { Mutation } from './mutation.ts'

export interface Hunted {
  readonly mutation: Mutation
  /** Schedules up to and with the first that broke an invariant; without one: all that were run. */
  readonly schedules: number
  readonly found: Found | null
  /** Whether the invariant that broke is one that the mutation says it breaks. */
  readonly isNamed: boolean
  readonly seconds: number
}

const firstSeed = 1
/** Seeds that each processor runs before the others are asked whether they have found something: few at first. */
const shareOfRound = [4, 16, 64]

/** The seed that is found is the smallest that breaks an invariant, on however many processors. */
export async function hunt(
  mutation: Mutation,
  most: number,
  { workers = availableParallelism(), signal }: { readonly workers?: number; readonly signal?: AbortSignal } = {},
): Promise<Hunted> {
  const beganMs = performance.now()
  const found = await withCopy(mutation, async (folder) => await searchCopy(folder, mutation, most, workers, signal))
  return {
    mutation,
    schedules: found === null ? most : found.seed - firstSeed + 1,
    found,
    isNamed: found !== null && mutation.namedBy.includes(found.violation.invariant),
    seconds: (performance.now() - beganMs) / 1000,
  }
}

async function searchCopy(
  folder: string,
  { draw }: Mutation,
  most: number,
  workers: number,
  signal?: AbortSignal,
): Promise<Found | null> {
  const script = pathToFileURL(join(folder, 'simulation/search.ts'))
  let done = 0
  for (let round = 0; done < most; round += 1) {
    const share = shareOfRound[Math.min(round, shareOfRound.length - 1)] ?? 1
    const schedules = Math.min(share * workers, most - done)
    const options: SearchOptions = { ...draw, firstSeed: firstSeed + done, schedules, mostFound: 1 }
    const shares = Array.from({ length: workers }, (_, offset) => ({ options, offset, stride: workers }))
    const searched = await Promise.all(
      shares.map(async (share) => await inWorker(script, share, () => undefined, signal)),
    )
    const found = searched.flatMap((each) => each.found).sort((left, right) => left.seed - right.seed)[0]
    if (found !== undefined) return found
    done += schedules
  }
  return null
}

/** @param told is given the schedule before it runs */
export async function replayMutated(
  mutation: Mutation,
  seed: number,
  told: (schedule: Schedule) => void,
  transcript: (line: string) => void,
): Promise<Outcome> {
  return await withCopy(mutation, async (folder) => {
    const load = async (file: string): Promise<unknown> =>
      await import(pathToFileURL(join(folder, 'simulation', file)).href)
    const drawing = (await load('draw.ts')) as { readonly drawSchedule: typeof drawSchedule }
    const running = (await load('run.ts')) as { readonly runSchedule: typeof runSchedule }
    const schedule = drawing.drawSchedule(seed, mutation.draw)
    told(schedule)
    return running.runSchedule(schedule, transcript)
  })
}
