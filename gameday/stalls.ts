// Where the measuring itself stood still or its clocks were moved: found in readings of the harness's clocks and of the WAN's. Pure.
import type { Stall } from '#protocol/journal.ts'

/** One moment by the harness's own clocks. */
export interface ClockReading {
  /** CLOCK_MONOTONIC: stands still while the machine is suspended. */
  readonly monotonicNs: bigint
  /** Since boot, suspended time included. */
  readonly bootMs: number
  readonly wallMs: number
}

/** One question for the WAN's clock. Both times are the harness's CLOCK_MONOTONIC; `wanNs` null: no answer came until then. */
export interface WanLook {
  readonly askedNs: bigint
  readonly answeredNs: bigint
  readonly wanNs: bigint | null
}

type AnsweredLook = WanLook & { readonly wanNs: bigint }

const leastMs = 500
/** The WAN's answers may be late on a busy machine while packets go on. */
const silentFromMs = 1000
/** So much the two clocks may differ between two looks by the way of the answer alone. */
const sameOffsetMs = 50

/** A span on the harness's clock; `wan`: the same on the WAN's, where it was read. */
interface Found extends Pick<Stall, 'part' | 'kind' | 'ms'> {
  readonly fromNs: bigint
  readonly toNs: bigint
  readonly wan: { readonly fromNs: bigint; readonly toNs: bigint } | null
}

export class Stalls {
  readonly #toleranceMs: number
  readonly #found: Found[] = []
  /** WAN's clock minus the harness's, from a time of the harness on. */
  readonly #offsets: { readonly fromNs: bigint; readonly offsetNs: bigint }[] = []
  #reading: ClockReading | null = null
  #narrow: AnsweredLook | null = null
  #silentSinceNs: bigint | null = null
  #lastLookNs = 0n

  /** @param bootResolutionMs in which steps `bootMs` grows */
  constructor(bootResolutionMs = 10) {
    this.#toleranceMs = leastMs + bootResolutionMs
  }

  /** To be given about every 100 ms. */
  read(now: ClockReading): void {
    const before = this.#reading
    this.#reading = now
    if (before === null) return
    const ranMs = msBetween(before.monotonicNs, now.monotonicNs)
    const bootMs = now.bootMs - before.bootMs
    const steppedMs = now.wallMs - before.wallMs - bootMs
    const span = { fromNs: before.monotonicNs, toNs: now.monotonicNs, wan: null }
    if (ranMs > leastMs) this.#found.push({ part: 'harness', kind: 'stall', ms: ranMs, ...span })
    if (bootMs - ranMs > this.#toleranceMs)
      this.#found.push({ part: 'machine', kind: 'suspend', ms: bootMs - ranMs, ...span })
    if (Math.abs(steppedMs) > this.#toleranceMs)
      this.#found.push({ part: 'machine', kind: 'clock-step', ms: steppedMs, ...span })
  }

  look({ askedNs, answeredNs, wanNs }: WanLook): void {
    this.#lastLookNs = answeredNs
    this.#silentSinceNs ??= askedNs
    if (wanNs === null) return
    this.#silence(this.#silentSinceNs, answeredNs)
    this.#silentSinceNs = null
    const look = { askedNs, answeredNs, wanNs }
    // An answer that took long says little of when the clock was read.
    if (this.#offsets.length > 0 && msBetween(askedNs, answeredNs) > leastMs) return
    if (this.#narrow !== null) this.#drift(this.#narrow, look)
    this.#narrow = look
    const offsetNs = wanNs - (askedNs + answeredNs) / 2n
    const known = this.#offsets.at(-1)
    if (known === undefined || Math.abs(msBetween(known.offsetNs, offsetNs)) > sameOffsetMs)
      this.#offsets.push({ fromNs: askedNs, offsetNs })
  }

  /** In order of time, on the WAN's clock; none if that was never read. */
  spans(): readonly Stall[] {
    if (this.#offsets.length === 0) return []
    const open = this.#silentSinceNs === null ? [] : silenceOf(this.#silentSinceNs, this.#lastLookNs)
    return [...this.#found, ...open]
      .flatMap((each) => this.#withoutWhatIsToldAlready(each))
      .map((each) => this.#onTheWansClock(each))
      .toSorted((left, right) => (BigInt(left.fromNs) < BigInt(right.fromNs) ? -1 : 1))
  }

  #silence(sinceNs: bigint, untilNs: bigint): void {
    this.#found.push(...silenceOf(sinceNs, untilNs))
  }

  /** What one clock is certainly behind the other, whenever between question and answer it was read. */
  #drift(before: AnsweredLook, now: AnsweredLook): void {
    const atMostMs = msBetween(before.wanNs, now.wanNs) - msBetween(before.answeredNs, now.askedNs)
    const atLeastMs = msBetween(before.wanNs, now.wanNs) - msBetween(before.askedNs, now.answeredNs)
    const span = {
      kind: 'suspend',
      fromNs: before.answeredNs,
      toNs: now.answeredNs,
      wan: { fromNs: before.wanNs, toNs: now.wanNs },
    } as const
    if (atMostMs < -leastMs) this.#found.push({ part: 'wan', ms: -atMostMs, ...span })
    if (atLeastMs > leastMs) this.#found.push({ part: 'harness', ms: atLeastMs, ...span })
  }

  /** A silence of the WAN may be the harness's own stall or the WAN's suspension; the harness behind the WAN, the machine's. */
  #withoutWhatIsToldAlready(each: Found): readonly Found[] {
    if (each.part === 'wan' && each.kind === 'stall') {
      if (this.#sum(each, 'wan', 'suspend') > 0) return []
      const ms = each.ms - this.#sum(each, 'harness', 'stall')
      return ms > silentFromMs ? [{ ...each, ms }] : []
    }
    if (each.part === 'harness' && each.kind === 'suspend')
      return each.ms - this.#sum(each, 'machine', 'suspend') > leastMs ? [each] : []
    return [each]
  }

  #sum(span: Found, part: Stall['part'], kind: Stall['kind']): number {
    return this.#found
      .filter((each) => each.part === part && each.kind === kind)
      .filter((each) => each.fromNs < span.toNs && each.toNs > span.fromNs)
      .reduce((sum, { ms }) => sum + ms, 0)
  }

  #onTheWansClock({ part, kind, ms, fromNs, toNs, wan }: Found): Stall {
    const offsetNs = this.#offsetAt(fromNs)
    const { fromNs: from, toNs: to } = wan ?? { fromNs: fromNs + offsetNs, toNs: toNs + offsetNs }
    return { part, kind, fromNs: `${from}`, toNs: `${to}`, ms: Math.round(ms) }
  }

  #offsetAt(atNs: bigint): bigint {
    const known = this.#offsets.findLast(({ fromNs }) => fromNs <= atNs) ?? this.#offsets[0]
    return known?.offsetNs ?? 0n
  }
}

function silenceOf(sinceNs: bigint, untilNs: bigint): readonly Found[] {
  const ms = msBetween(sinceNs, untilNs)
  return ms > silentFromMs ? [{ part: 'wan', kind: 'stall', ms, fromNs: sinceNs, toNs: untilNs, wan: null }] : []
}

function msBetween(fromNs: bigint, toNs: bigint): number {
  return Number(toNs - fromNs) / 1e6
}
