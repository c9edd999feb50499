// Every value that a person states and a program is given: its text, its bounds and its unit, once. Runbooks, the options of `up`,
// the containers' environment, the load client and the WAN all read values by these.
import { z } from 'zod'

/** The load of a drill ends by itself after so long, so nothing in a drill may take longer. */
export const longestDrillMs = 24 * 3_600_000
/** Node's timers go off at once if they are asked to wait for longer. */
const longestTimerMs = 2 ** 31 - 1

/**
 * @returns milliseconds; a text such as `33.3s` gives 33300, not what floating point makes of it
 * @throws RangeError if the text is no duration
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  if (match === null) throw new RangeError(`expected a duration such as 250ms, 30s, 5m, saw ${JSON.stringify(text)}`)
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h']
  const ms = Number(match[1]) * factor
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : ms
}

const anyDurationText = z
  .string({ error: 'expected a duration such as 250ms, 30s, 5m' })
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'expected a duration such as 250ms, 30s, 5m')
  .transform((text) => parseDuration(text))

/** Milliseconds. What travels is whole: ledgers and environments know no parts of them. */
const wholeMs = z.number().refine(Number.isInteger, 'expected a duration of whole milliseconds')

/** Milliseconds from a duration such as `250ms`, `30s`, `5m`, `1h`, within bounds of its own. */
export function durationWithin<Bounds extends z.ZodType<number, number>>(
  bounds: Bounds,
): z.ZodPipe<z.ZodPipe<typeof anyDurationText, typeof wholeMs>, Bounds> {
  return anyDurationText.pipe(wholeMs).pipe(bounds)
}

const drillMs = z
  .number()
  .max(longestDrillMs, `expected a duration of at most ${longestDrillMs / 3_600_000}h, the longest of a drill`)
/** Any that fits a drill. */
export const durationText = durationWithin(drillMs)
/** The same, above 0. */
export const someTimeText = durationWithin(drillMs.positive('expected a duration above 0'))
/** Milliseconds that a fault may last by its own words. */
export const faultTimeText = durationWithin(
  z
    .number()
    .min(1000, 'expected at least 1s, in which it can be shown to be in force')
    .max(3_600_000, 'expected at most 1h: no fault may last for ever'),
)

const largestBytes = 64 * 2 ** 30
/** Bytes, from text such as `64MiB`. */
export const memorySize = z
  .string({ error: 'expected a size such as 64MiB or 1GiB' })
  .regex(/^\d+(\.\d+)?(K|M|G)iB$/, 'expected a size such as 64MiB or 1GiB')
  .transform((text) => {
    const factor = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[/[KMG]/.exec(text)?.[0] ?? ''] ?? 1
    return Math.round(Number.parseFloat(text) * factor)
  })

/** Docker refuses less. */
const leastMemoryBytes = 6 * 2 ** 20
/** Bytes that a container may use. */
export const memoryLimitText = memorySize.pipe(
  z
    .number()
    .min(leastMemoryBytes, 'expected at least 6MiB: Docker grants no container less')
    .max(largestBytes, 'expected at most 64GiB'),
)

/** Two copies of a fresh cluster while one is made anew, and the WAL that Postgres keeps. */
const leastDiskBytes = 256 * 2 ** 20
/** Bytes of each Postgres's disk. Three of them lie in the machine's memory. */
export const diskBytes = z
  .number()
  .min(leastDiskBytes, 'expected a disk of at least 256MiB')
  .max(largestBytes, 'expected a disk of at most 64GiB: it lies in memory')

/** Milliseconds of replication lag. 0: nothing may be lost. */
export const maxLossMs = drillMs.min(0)
/** Seconds: DNS knows no parts of them. */
export const dnsTtlS = z
  .number()
  .refine(Number.isInteger, 'expected whole seconds: DNS knows no parts of them')
  .min(0)
  .max(longestDrillMs / 1000)

/** Milliseconds, one way. */
export const delayMs = z
  .number()
  .min(0)
  .max(60_000, 'expected a delay of at most 60s: the WAN holds no packet for longer')
/** A share, 0 to 1: of a delay, of packets, of operations. */
export const share = z.number().min(0).max(1)
/** A shorter turn would be over before a packet has crossed a link. */
export const shortestTurnMs = 50
/** Milliseconds that a flapping link is up, or down. */
export const turnMs = z
  .number()
  .min(shortestTurnMs, `expected a duration of at least ${shortestTurnMs}ms`)
  .max(3_600_000, 'expected a turn of at most 1h: no fault lasts for longer')
/** Bits per second: less carries no packet of usual size in ten seconds, more is beyond any link. */
export const bandwidthBps = z
  .number()
  .min(1000, 'expected a bandwidth of at least 1kbit: on less no packet arrives in time, which makes it a partition')
  .max(100e9, 'expected at most 100Gbit')

/** Milliseconds; what a clock is ahead or behind. libfaketime is read once a second, and asking takes part of one. */
export const skewText = z
  .string({ error: 'expected a skew such as +90s or -5m' })
  .regex(/^[+-]\d+(\.\d+)?(ms|s|m|h)$/, 'expected a skew such as +90s or -5m')
  .transform((text) => (text.startsWith('-') ? -1 : 1) * parseDuration(text.slice(1)))
  .pipe(
    wholeMs
      .refine((ms) => ms !== 0, 'expected a skew other than 0')
      .refine((ms) => Math.abs(ms) >= 1000, 'expected a skew of at least 1s: less can not be shown')
      .refine((ms) => Math.abs(ms) <= longestTimerMs, 'expected a skew of at most 596h'),
  )

/** Operations per second of all areas together, and of one client. */
export const mostPerSecond = 10_000
export const mostPerSecondOfArea = 5000
/** Less is so little that no area is shown to be steady within the 30 s that a drill waits for it. */
export const leastPerSecondOfArea = 0.1
/** Operations per second of one area. */
export const areaRate = z.number().positive().max(mostPerSecondOfArea)
/** Each operation under way is a connection, and an address has a limited number of ports for them. */
export const mostInFlight = 20_000
/** Milliseconds after which a client gives an operation up. A drill's end waits for the last one. */
export const clientTimeoutMs = z
  .number()
  .positive('expected a duration above 0')
  .max(600_000, 'expected a time-out of at most 10m: the end of a drill waits for the last operation')

export const mostSeed = 2 ** 31 - 1
/** What the arrivals of the load are drawn from. */
export const seed = z.number().int().min(0).max(mostSeed)
