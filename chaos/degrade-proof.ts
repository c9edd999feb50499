// Shows that a link is slow, jittery, lossy, narrow or out of order: by handshakes timed inside a site, and by what the WAN counts
// while something is sent. Each proof takes about 3 s at most.
import type { LinkClass } from '#protocol/sites.ts'
import type { LinkSetting, LinksReply } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven } from './fault.ts'
import { handshakeTimes, sendDatagrams, type Ends } from './inside.ts'
import { linkName, type Link } from './targets.ts'
import { countOn, effectiveOn, isUsable } from './traffic.ts'
import { linkCounters, linksState } from './wan-calls.ts'

const proofMs = 2500
const lookEveryMs = 100
/** Beyond it a handshake is not waited for. */
const longestRoundTripMs = 2000
/** What handshakes on a busy machine take longer than the link's delay: the shortest of some, added to half of the delay. */
const busyMs = 25
/** Less of a spread than this can't be told from a busy machine's. */
const smallestSpreadMs = 12

/** A link on which a change is measured. */
export interface Sample {
  readonly link: Link
  readonly ends: Ends
  /** The class that was changed; undefined: all. */
  readonly class: LinkClass | undefined
}

type Effective = LinksReply['effective'][number]

interface RoundTrip {
  readonly leastMs: number
  readonly mostMs: number
  readonly isUsable: boolean
  readonly mayOvertake: boolean
  readonly isNarrow: boolean
}

/** What a handshake over the link must take, by the settings of both directions. */
function roundTrip(state: LinksReply, { link, ends }: Sample): RoundTrip {
  const back = { from: link.to, to: link.from }
  const both = [link, back].map((each) => effectiveOn(state, each, ends.class)).filter((each) => each !== undefined)
  const sum = (of: (setting: Effective) => number): number => both.reduce((total, each) => total + of(each), 0)
  return {
    leastMs: sum(({ delayMs, jitter }) => delayMs * (1 - jitter)),
    mostMs: sum(({ delayMs, jitter }) => delayMs * (1 + jitter)),
    isUsable: both.every(({ up, loss }) => up && loss <= 0.5),
    mayOvertake: both.some(({ reorder }) => reorder > 0),
    isNarrow: both.some(({ bandwidthBps }) => bandwidthBps > 0),
  }
}

function milliseconds(times: readonly number[]): string {
  const [least, most] = [Math.min(...times).toFixed(0), Math.max(...times).toFixed(0)]
  return least === most ? `${least} ms` : `${least} to ${most} ms`
}

/** Delay and jitter. */
export async function proveDelay(world: RunningWorld, sample: Sample, set: LinkSetting): Promise<string> {
  const name = linkName(sample.link)
  const expected = roundTrip(await linksState(world), sample)
  if (!expected.isUsable) return `${name} carries no handshake, so its delay is not measured`
  if (expected.leastMs > longestRoundTripMs) return proveNoHandshake(world, sample, expected)
  const spreadMs = expected.mostMs - expected.leastMs
  const isSpread = (set.jitter ?? 0) > 0 && spreadMs > smallestSpreadMs
  const beganMs = performance.now()
  const times: number[] = []
  for (;;) {
    const more = isSpread ? { count: 12, pauseMs: 50 } : { count: 5, pauseMs: 20 }
    times.push(...(await handshakeTimes(world, sample.ends, more)))
    if (times.length > 0 && fits(times, expected, isSpread)) {
      const small = (set.jitter ?? 0) > 0 && !isSpread ? ' (its jitter is too small to be told from the machine)' : ''
      return `${times.length} handshakes over ${name} took ${milliseconds(times)}${small}`
    }
    if (performance.now() - beganMs > proofMs)
      throw new FaultUnproven(
        `expected handshakes over ${name} to take ${expected.leastMs.toFixed(0)} to ${expected.mostMs.toFixed(0)} ms, ` +
          `saw ${times.length === 0 ? 'none come to an end' : milliseconds(times)}`,
      )
  }
}

function fits(times: readonly number[], expected: RoundTrip, isSpread: boolean): boolean {
  const [least, most] = [Math.min(...times), Math.max(...times)]
  // A packet that overtakes has no delay: then only some handshakes have it.
  const isSlow = (expected.mayOvertake ? most : least) >= expected.leastMs - 1
  const isNotSlower = expected.isNarrow || least <= expected.mostMs * 1.5 + busyMs
  return isSlow && isNotSlower && (!isSpread || most - least >= (expected.mostMs - expected.leastMs) / 6)
}

async function proveNoHandshake(world: RunningWorld, sample: Sample, expected: RoundTrip): Promise<string> {
  const name = linkName(sample.link)
  const times = await handshakeTimes(world, sample.ends, { count: 1, pauseMs: 0 })
  if (times.some((time) => time < expected.leastMs))
    throw new FaultUnproven(
      `expected a handshake over ${name} to take ${expected.leastMs.toFixed(0)} ms, saw ${milliseconds(times)}`,
    )
  return `a handshake over ${name} is not through within ${longestRoundTripMs / 1000} s: it takes ${expected.leastMs.toFixed(0)} ms`
}

/** Loss and reordering: a share of the packets, which the WAN counts. */
export async function proveShare(
  world: RunningWorld,
  sample: Sample,
  field: 'dropped' | 'reordered',
  share: number,
): Promise<string> {
  const { link, ends } = sample
  const before = await linkCounters(world)
  const beganMs = performance.now()
  const each = Math.min(400, Math.max(20, Math.ceil(8 / share)))
  for (;;) {
    await sendDatagrams(world, [ends], { rounds: 1, pauseMs: 0, each, bytes: 1 })
    // What was dropped is counted at once, what comes through only after its delay.
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    const now = await linkCounters(world)
    const since = (of: 'packets' | 'dropped' | 'reordered'): number =>
      countOn(now, link, sample.class, of) - countOn(before, link, sample.class, of)
    const all = since('packets') + since('dropped')
    const word = field === 'dropped' ? 'dropped' : 'let through ahead of others'
    if (since(field) > 0)
      return `${since(field)} packets on ${linkName(link)} were ${word}, ${since('packets')} came through`
    if (performance.now() - beganMs < proofMs) continue
    // Not one of so many by chance: less often than once in a thousand times.
    if ((1 - share) ** all < 0.001 || all === 0)
      throw new FaultUnproven(`expected packets on ${linkName(link)} to be ${word}, saw none of ${all}`)
    return `none of ${all} packets on ${linkName(link)} was ${word} yet, which is chance at a share of ${share}`
  }
}

/** A wider link is not filled in passing, and a burst that overflows its queue shows no more. */
const widestMeasuredBps = 2e6
const widestOverflownBps = 20e6
/** Of IPv4 and UDP. */
const headerBytes = 28

/** Bandwidth: what comes through while more is sent, or that a burst overflows the queue before the link. */
export async function proveBandwidth(world: RunningWorld, sample: Sample, bandwidthBps: number): Promise<string> {
  const name = linkName(sample.link)
  const setting = effectiveOn(await linksState(world), sample.link, sample.ends.class)
  if (bandwidthBps > widestOverflownBps || !isUsable(setting))
    return `the bandwidth of ${name} is not measured: it is ${isUsable(setting) ? 'too wide to be filled in passing' : 'hardly usable for other reasons'}`
  return bandwidthBps > widestMeasuredBps ? proveOverflow(world, sample) : proveRate(world, sample, bandwidthBps / 8000)
}

async function proveOverflow(world: RunningWorld, { link, ends, class: linkClass }: Sample): Promise<string> {
  const before = countOn(await linkCounters(world), link, linkClass, 'dropped')
  const beganMs = performance.now()
  while (performance.now() - beganMs < proofMs) {
    await sendDatagrams(world, [ends], { rounds: 1, pauseMs: 0, each: 400, bytes: 1200 })
    const dropped = countOn(await linkCounters(world), link, linkClass, 'dropped') - before
    if (dropped > 0) return `a burst of 480 kB over ${linkName(link)} overflowed its queue: ${dropped} packets dropped`
  }
  throw new FaultUnproven(`expected a burst of 480 kB to overflow the queue before ${linkName(link)}, saw no drop`)
}

const spanMs = 250

async function proveRate(
  world: RunningWorld,
  { link, ends, class: linkClass }: Sample,
  bytesPerMs: number,
): Promise<string> {
  // Small enough that many fit into the span, and so much of it that without the limit it would come through at once.
  const bytes = Math.min(1200, Math.max(64, Math.round(bytesPerMs * 50)))
  const burst = bytesPerMs * 800 + 5 * (bytes + headerBytes)
  const beganMs = performance.now()
  const each = Math.ceil(burst / (bytes + headerBytes))
  const sending = sendDatagrams(world, [ends], { rounds: 1, pauseMs: 0, each, bytes })
  const seen: { readonly atMs: number; readonly bytes: number }[] = []
  while (performance.now() - beganMs < proofMs) {
    const now = await linkCounters(world)
    seen.push({ atMs: Number(BigInt(now.atNs)) / 1e6, bytes: countOn(now, link, linkClass, 'bytes') })
    if (seen.at(-1)!.bytes - seen[0]!.bytes > burst * 0.8) break
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
  await sending
  const spans = seen.flatMap((from) => seen.filter((to) => to.atMs - from.atMs >= spanMs).map((to) => ({ from, to })))
  const tooMuch = spans.find(({ from, to }) => {
    return to.bytes - from.bytes > (to.atMs - from.atMs) * bytesPerMs * 1.3 + 2 * (bytes + headerBytes)
  })
  const [first, last] = [seen[0]!, seen.at(-1)!]
  const through = last.bytes - first.bytes
  const isSlow = tooMuch === undefined && spans.length > 0
  const rate = `${through} bytes in ${(last.atMs - first.atMs).toFixed(0)} ms over ${linkName(link)}`
  if (!isSlow || through === 0)
    throw new FaultUnproven(
      `expected at most ${(bytesPerMs * 8).toFixed(0)} kbit/s, saw ${rate} of a burst of ${Math.ceil(burst)}`,
    )
  return `${rate} of a burst of ${Math.ceil(burst)} sent at once`
}

/** Whether handshakes over the link take what its present settings say; null where none can be measured. */
export async function seeRoundTrip(
  world: RunningWorld,
  sample: Sample,
): Promise<{ readonly fits: boolean; readonly sentence: string } | null> {
  const expected = roundTrip(await linksState(world), sample)
  if (!expected.isUsable || expected.leastMs > longestRoundTripMs || expected.isNarrow) return null
  const times = await handshakeTimes(world, sample.ends, { count: 5, pauseMs: 20 })
  if (times.length === 0) return { fits: false, sentence: '' }
  const sentence = `handshakes over ${linkName(sample.link)} take ${milliseconds(times)} again`
  return { fits: fits(times, expected, false), sentence }
}
