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

/** Sums over the schedules of one number of regions; `shortestMs` and `fewestFaults` are the least of any that broke nothing. */
export interface Size {
  schedules: number
  /** Of one processor, while the schedules ran. */
  wallMs: number
  simulatedMs: number
  shortestMs: number
  faults: number
  fewestFaults: number
  acks: number
}

const noSize: Readonly<Size> = {
  schedules: 0,
  wallMs: 0,
  simulatedMs: 0,
  shortestMs: Number.POSITIVE_INFINITY,
  faults: 0,
  fewestFaults: Number.POSITIVE_INFINITY,
  acks: 0,
}

function sum(left: Size, right: Size): Size {
  return {
    schedules: left.schedules + right.schedules,
    wallMs: left.wallMs + right.wallMs,
    simulatedMs: left.simulatedMs + right.simulatedMs,
    shortestMs: Math.min(left.shortestMs, right.shortestMs),
    faults: left.faults + right.faults,
    fewestFaults: Math.min(left.fewestFaults, right.fewestFaults),
    acks: left.acks + right.acks,
  }
}

export interface Searched {
  readonly found: readonly Found[]
  /** By number of regions. */
  readonly sizes: Readonly<Record<number, Size>>
  readonly counts: Counts
}

/** Shared with the workers: how many schedules have been run. */
type Progress = Int32Array<SharedArrayBuffer>

export interface Share {
  readonly options: SearchOptions
  readonly offset: number
  readonly stride: number
  readonly progress?: Progress
}

/** @param told is given each violation at once */
function searchHere({ options, offset, stride, progress }: Share, told: (found: Found) => void): Searched {
  const found: Found[] = []
  const sizes: Record<number, Size> = {}
  const coverage = new Coverage()
  for (let at = offset; at < options.schedules && found.length < options.mostFound; at += stride) {
    const seed = options.firstSeed + at
    const schedule = drawSchedule(seed, options)
    const beganMs = performance.now()
    const outcome = runSchedule(schedule)
    const { simulatedMs, faults, acks } = outcome
    const isWhole = outcome.violation === null
    sizes[schedule.regionCount] = sum(sizes[schedule.regionCount] ?? noSize, {
      schedules: 1,
      wallMs: performance.now() - beganMs,
      simulatedMs,
      shortestMs: isWhole ? simulatedMs : Number.POSITIVE_INFINITY,
      faults,
      fewestFaults: isWhole ? faults : Number.POSITIVE_INFINITY,
      acks,
    })
    coverage.add(outcome.counts)
    if (progress !== undefined) Atomics.add(progress, 0, 1)
    if (outcome.violation === null) continue
    const each = { seed, violation: outcome.violation }
    found.push(each)
    told(each)
  }
  return { found, sizes, counts: coverage.counts }
}

/**
 * On all processors.
 * @param watch is told of each violation at once, and each second how many schedules have been run
 */
export async function search(
  options: SearchOptions,
  watch: { readonly found: (found: Found) => void; readonly ran: (schedules: number) => void },
): Promise<Searched> {
  const workers = availableParallelism()
  const progress: Progress = new Int32Array(new SharedArrayBuffer(4))
  const shares = Array.from({ length: workers }, (_, offset): Share => ({ options, offset, stride: workers, progress }))
  const timer = setInterval(() => watch.ran(Atomics.load(progress, 0)), 1000)
  try {
    return await gathered(shares, watch.found)
  } finally {
    clearInterval(timer)
  }
}

/**
 * Runs a share in a worker of its own.
 * @param script this file, or its copy in another tree
 * @throws the reason of `signal` once it is aborted; Error if the worker fails
 */
export async function inWorker(
  script: URL,
  share: Share,
  told: (found: Found) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Searched> {
  return await new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: share })
    const stop = (): void => {
      reject(signal?.reason as Error)
      void worker.terminate()
    }
    signal?.addEventListener('abort', stop, { once: true })
    worker.on('message', (message: Found | Searched) => ('seed' in message ? told(message) : resolve(message)))
    worker.once('error', reject)
    worker.once('exit', () => signal?.removeEventListener('abort', stop))
  })
}

async function gathered(shares: readonly Share[], told: (found: Found) => void): Promise<Searched> {
  const script = new URL(import.meta.url)
  const parts = await Promise.all(shares.map(async (share) => await inWorker(script, share, told)))
  const coverage = new Coverage()
  const sizes: Record<number, Size> = {}
  for (const part of parts) {
    coverage.add(part.counts)
    for (const [regions, size] of Object.entries(part.sizes))
      sizes[Number(regions)] = sum(sizes[Number(regions)] ?? noSize, size)
  }
  const found = parts.flatMap((part) => part.found).sort((left, right) => left.seed - right.seed)
  return { found, sizes, counts: coverage.counts }
}

const port = isMainThread ? null : parentPort
/* oxlint-disable unicorn/require-post-message-target-origin -- a worker's port has no origin */
port?.postMessage(searchHere(workerData as Share, (found) => port.postMessage(found)))
