// The faults of one drill while it lives: injects, watches, renews and heals them, and keeps of each what the journal tells; and of
// those that others cause beside it.
import type { FaultSpec } from '#protocol/faults.ts'
import type { Check, FaultRecord } from '#protocol/journal.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { NothingToBreak, type Effect } from '#chaos/fault.ts'
import { injectFault, proveFault, renewFault, undoFault } from '#chaos/inject.ts'
import { renewEveryMs } from '#chaos/lease.ts'
import { Outside } from '#chaos/outside.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { FaultWatch } from '#chaos/watch.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { Collector } from './collector.ts'
import { watchedForOutside } from './measure/checks.ts'
import { formatMs } from './measure/objectives.ts'

interface LiveFault {
  readonly entry: LedgerEntry
  record: FaultRecord
  /** Other faults may have to be healed before this one is: its heal is under way beside the next steps, once it is set. */
  healing: Promise<string> | null
  readonly healsAside: boolean
}

type Note = (text: string) => void

export interface LiveFaultsContext {
  readonly world: RunningWorld
  readonly drill: string
  readonly collector: Pick<Collector, 'note'>
}

export class LiveFaults {
  readonly #context: LiveFaultsContext
  readonly #faults: LiveFault[] = []
  readonly #watch: FaultWatch
  readonly #outside: Outside
  #renewing: NodeJS.Timeout | undefined
  #stopped = false

  constructor(context: LiveFaultsContext) {
    this.#context = context
    this.#outside = new Outside(context.drill, {
      onDied: (name, atNs) => this.#tell('container-died', `container ${name} ended by itself`, atNs),
      onFound: ({ id, kind, target, firstNs }) =>
        this.#tell('fault-outside', `${kind} of ${target}, not by this drill (${id})`, BigInt(firstNs)),
    })
    this.#watch = new FaultWatch(context.world, {
      nowMs: () => performance.now(),
      onEnded: (id, { atNs, why }) => {
        const fault = this.#faults.find((each) => each.entry.id === id)
        const reason = `${fault?.record.kind} of ${fault?.record.target} ended before its heal: ${why}`
        this.#tell('fault-ended', reason, atNs, { id: fault?.record.id })
      },
      onSight: (sight) => this.#outside.see(sight),
    })
  }

  /** As it is known now; whole once the fault is healed. */
  get records(): readonly FaultRecord[] {
    return [...this.#faults.map((fault) => this.#told(fault)), ...this.#outside.faults]
  }

  /** What is done to the world beside the drill is seen from now on. */
  start(): Promise<void> {
    return this.#watch.start()
  }

  /** One more look, the last. Whether anything was done from outside is known from `records`; here, whether that was seen. */
  async stop(): Promise<Check> {
    this.#stopped = true
    clearTimeout(this.#renewing)
    await this.#watch.look()
    this.#watch.stop()
    this.#outside.finish()
    return watchedForOutside(this.#outside.blindMs)
  }

  #tell(kind: string, reason: string, atNs: bigint, detail: Readonly<Record<string, unknown>> = {}): void {
    this.#context.collector.note(kind, reason, detail, atNs).catch(() => {})
  }

  /** @throws Error if it could not be injected, or not be shown to be in force as a whole */
  async inject(spec: FaultSpec, note: Note): Promise<void> {
    const { world, drill, collector } = this.#context
    await this.#watch.start()
    const injected = await injectFault(world, drill, spec).catch((error: unknown) => {
      if (error instanceof NothingToBreak && spec.kind === 'postgres-crash' && spec.optional) return error
      throw error
    })
    if (injected instanceof NothingToBreak) return note(`left out: ${injected.message}`)
    const { entry, effect } = injected
    this.#outside.own(entry)
    const { id, kind, target } = spec
    const healsAside = spec.kind === 'postgres-crash' && spec.optional
    const fault: LiveFault = { entry, record: newRecord(spec, effect), healing: null, healsAside }
    this.#faults.push(fault)
    this.#watch.begin(entry, effect)
    this.#keepRenewing()
    await collector.note('fault', `${kind} of ${target}`, { id }, effect.firstNs)
    note(await this.#prove(fault))
  }

  /** What was never in force as a whole ended as it began. */
  async #prove(fault: LiveFault): Promise<string> {
    try {
      const proof = await proveFault(this.#context.world, fault.entry)
      fault.record = { ...fault.record, proof }
      return proof
    } catch (error) {
      const { firstNs } = fault.record
      const why = messageOf(error)
      fault.record = {
        ...fault.record,
        proof: `none: ${why}`,
        endedNs: firstNs,
        endedBy: `it was not shown to be whole: ${why}`,
      }
      throw error
    }
  }

  /** Nothing is done for one that was not injected, or is healed already. */
  async heal(id: string, note: Note): Promise<void> {
    const fault = this.#faults.find((each) => each.record.id === id)
    if (fault === undefined || fault.record.healedNs !== null) return
    fault.healing ??= this.#heal(fault, note)
    if (!fault.healsAside) note(await fault.healing)
    // Whether it ends well is asked at the end of the method.
    else fault.healing.catch(() => {})
  }

  isKnown(id: string): boolean {
    return this.#faults.some((each) => each.record.id === id)
  }

  /** Heals whatever is not healed yet, the latest first. @returns what resists */
  async healRest(note: Note): Promise<readonly string[]> {
    const resisting: string[] = []
    for (const fault of this.#faults.toReversed()) {
      if (fault.record.healedNs !== null) continue
      note(`healing ${fault.record.id}`)
      await (fault.healing ?? this.#heal(fault, note)).catch((error: unknown) => {
        resisting.push(messageOf(error))
      })
    }
    return resisting
  }

  async #heal(fault: LiveFault, note: Note): Promise<string> {
    const { world, collector } = this.#context
    await this.#watch.end(fault.entry.id)
    const { endedNs, endedBy, firstNs, id } = this.#told(fault)
    if (endedNs !== null)
      note(`it had ended ${formatMs(Number(BigInt(endedNs) - BigInt(firstNs)) / 1e6)} after it began: ${endedBy}`)
    // A heal that failed may be tried again: it began with the first attempt.
    const beganNs = fault.record.healBeganNs ?? (await clockNs(world).catch(() => null))?.toString() ?? null
    fault.record = { ...fault.record, healBeganNs: beganNs }
    try {
      const { proof, atNs } = await undoFault(world, fault.entry)
      fault.record = { ...fault.record, healedNs: atNs.toString(), healProof: proof }
      await collector.note('healed', proof, { id }, atNs)
      return proof
    } catch (error) {
      fault.healing = null
      throw error
    }
  }

  #told({ entry, record }: LiveFault): FaultRecord {
    const { momentary, ended, blindMs } = this.#watch.observed(entry.id)
    if (record.endedNs !== null || ended === null) return { ...record, momentary, blindMs }
    return { ...record, momentary, blindMs, endedNs: ended.atNs.toString(), endedBy: ended.why }
  }

  /** Of those without a planned end, also while they are being healed: nobody else has to. */
  #keepRenewing(): void {
    this.#renewing ??= setTimeout(() => void this.#renew(), renewEveryMs).unref()
  }

  async #renew(): Promise<void> {
    const left = this.#faults.filter(({ entry, record }) => entry.leased === true && record.healedNs === null)
    await Promise.allSettled(left.map(async ({ entry }) => renewFault(this.#context.world, entry)))
    this.#renewing = undefined
    if (left.length > 0 && !this.#stopped) this.#keepRenewing()
  }
}

function newRecord({ id, kind, target, background }: FaultSpec, { firstNs, lastNs }: Effect): FaultRecord {
  return {
    id,
    kind,
    target,
    background,
    outside: false,
    firstNs: firstNs.toString(),
    lastNs: lastNs.toString(),
    proof: 'not yet proven',
    healedNs: null,
    healProof: null,
    healBeganNs: null,
    momentary: false,
    endedNs: null,
    endedBy: null,
    blindMs: 0,
  }
}
