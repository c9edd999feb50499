// Many schedules, on all processors: a worker for each, which takes every n-th seed.
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Coverage, type Counts } from './coverage.ts'
import { type DrawOptions, drawSchedule } from './draw.ts'
import { type Outcome, runSchedule } from './run.ts'

export interface SearchOptions extends DrawOptions {
  readonly firstSeed: number
  readonly schedules: number
  /** Stop at so many violations. */
  readonly mostFound: number
}

export interface Found {
  readonly seed: number
  readonly violation: NonNullable<Outcome['violation']>
}

export interface Size {
  schedules: number
  cpuMs: number
  simulatedMs: number
  faults: number
  acks: number
}

export interface Searched {
  readonly found: readonly Found[]
  /** By number of regions. */
  readonly sizes: Readonly<Record<number, Size>>
  readonly counts: Counts
}

interface Share {
  readonly options: SearchOptions
  readonly offset: number
  readonly stride: number
}

export function searchHere({ options, offset, stride }: Share): Searched {
  const found: Found[] = []
  const sizes: Record<number, Size> = {}
  const coverage = new Coverage()
  for (let at = offset; at < options.schedules && found.length < options.mostFound; at += stride) {
    const seed = options.firstSeed + at
    const schedule = drawSchedule(seed, options)
    const beganMs = performance.now()
    const outcome = runSchedule(schedule)
    const size = (sizes[schedule.regionCount] ??= { schedules: 0, cpuMs: 0, simulatedMs: 0, faults: 0, acks: 0 })
    size.schedules += 1
    size.cpuMs += performance.now() - beganMs
    size.simulatedMs += outcome.simulatedMs
    size.faults += outcome.faults
    size.acks += outcome.acks
    coverage.add(outcome.counts)
    if (outcome.violation !== null) found.push({ seed, violation: outcome.violation })
  }
  return { found, sizes, counts: coverage.counts }
}

/** @param workers how many processors to use; default: all */
export async function search(options: SearchOptions, workers = availableParallelism()): Promise<Searched> {
  const shares = Array.from({ length: workers }, (_, offset): Share => ({ options, offset, stride: workers }))
  const parts = await Promise.all(
    shares.map(
      async (share) =>
        new Promise<Searched>((resolve, reject) => {
          const worker = new Worker(new URL(import.meta.url), { workerData: share })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  const coverage = new Coverage()
  const sizes: Record<number, Size> = {}
  for (const part of parts) {
    coverage.add(part.counts)
    for (const [regions, size] of Object.entries(part.sizes)) {
      const own = (sizes[Number(regions)] ??= { schedules: 0, cpuMs: 0, simulatedMs: 0, faults: 0, acks: 0 })
      for (const key of Object.keys(own) as (keyof Size)[]) own[key] += size[key]
    }
  }
  const found = parts.flatMap((part) => part.found).sort((left, right) => left.seed - right.seed)
  return { found, sizes, counts: coverage.counts }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
if (!isMainThread && parentPort !== null) parentPort.postMessage(searchHere(workerData as Share))
