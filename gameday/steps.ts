// Performs the steps of a runbook's method, one by one, and keeps when each began and ended.
import type { LedgerEntry } from '#protocol/wan.ts'
import type { FaultRecord } from '#protocol/journal.ts'
import { stepKinds, type ActionSpec, type AwaitedEvent, type Runbook, type Step } from '#protocol/runbook.ts'
import type { FaultSpec } from '#protocol/faults.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { failover, switchover } from '#world/moves.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { NothingToBreak } from '#chaos/fault.ts'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import type { Collector } from './collector.ts'
import { failoverComplete, highestEpoch, missingForWhole } from './conditions.ts'
import { formatMs } from './measure/objectives.ts'
import type { StepTaken } from './measure/record.ts'
import type { Progress } from './progress.ts'
import { missingForSteady } from './steadiness.ts'
import { viewWorld } from './view-world.ts'
import { Interrupted, pause, throwIfInterrupted, until } from './wait.ts'

/** A fault that was injected, and its record as it fills up. */
interface LiveFault {
  readonly entry: LedgerEntry
  record: FaultRecord
  /** Other faults may have to be healed before this one is: its heal is under way beside the next steps, once it is set. */
  healing: Promise<string> | null
  readonly healsAside: boolean
}

/** An order that the method did not wait for: which step it was, and how and when it was answered. */
interface OrderGiven {
  readonly index: number
  readonly answered: Promise<{ readonly failed: string | null; readonly atNs: bigint | null }>
}

/** The runbook can't go on: what is left of it is skipped, then the drill heals and reports. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed'
}

const steadyWithinMs = 30_000
type Note = (text: string) => void

export interface StepsContext {
  readonly world: RunningWorld
  readonly runbook: Runbook
  readonly drill: string
  readonly collector: Collector
  readonly progress: Progress
  readonly approve: (question: string) => Promise<boolean>
  readonly signal: AbortSignal
}

export function titleOf(step: Step): string {
  if (step.hold !== undefined) return `Hold for ${formatMs(step.hold)}`
  if (step.fault !== undefined) return `Fault: ${step.fault.kind} of ${step.fault.target}`
  if (step['wait-for'] !== undefined) return `Wait for ${step['wait-for'].event}`
  if (step.approve !== undefined) return `Approve: ${step.approve}`
  if (step.heal !== undefined) return `Heal ${step.heal}`
  const { kind, to } = step.action ?? { kind: 'failback', to: undefined }
  const order = to === undefined ? `Order a ${kind}` : `Order a ${kind} to ${to}`
  return step.action?.wait === false ? `${order}, not waiting` : order
}

export class Steps {
  readonly taken: StepTaken[] = []
  readonly #context: StepsContext
  readonly #faults: LiveFault[] = []
  /** Orders that the method did not wait for. */
  readonly #orders: OrderGiven[] = []
  #epochAtDisturbance = 0
  #disturbed = false

  constructor(context: StepsContext) {
    this.#context = context
  }

  get faults(): readonly FaultRecord[] {
    return this.#faults.map((fault) => fault.record)
  }

  /** @throws StepFailed, Interrupted */
  async perform(step: Step): Promise<void> {
    const { progress, world, signal } = this.#context
    throwIfInterrupted(signal)
    const kind = stepKinds.find((each) => step[each] !== undefined) ?? 'hold'
    const title = titleOf(step)
    const fromNs = await clockNs(world)
    let failed: string | null = null
    try {
      await progress.step(title, (note) => this.#perform(step, note))
    } catch (error) {
      failed = error instanceof Error ? error.message : String(error)
      throw error instanceof Interrupted ? error : new StepFailed(`${title}: ${failed}`)
    } finally {
      const toNs = await clockNs(world).catch(() => fromNs)
      this.taken.push({
        title,
        kind,
        fromNs: fromNs.toString(),
        toNs: toNs.toString(),
        failed,
        action: step.action?.kind ?? null,
      })
    }
  }

  /** Waits until every order that was not waited for is answered: its step lasted until then, and it explains epochs until then. */
  async ordersAnswered(): Promise<void> {
    for (const { index, answered } of this.#orders) {
      const { failed, atNs } = await answered
      const step = this.taken[index]
      if (step !== undefined) this.taken[index] = { ...step, failed, toNs: atNs?.toString() ?? step.toNs }
    }
  }

  /** Heals whatever of this drill is not healed yet, the latest first. @returns what resists */
  async healRest(note: Note): Promise<readonly string[]> {
    const resisting: string[] = []
    for (const fault of this.#faults.toReversed()) {
      if (fault.record.healedNs !== null) continue
      note(`healing ${fault.record.id}`)
      await (fault.healing ?? this.#heal(fault)).catch((error: unknown) => {
        resisting.push(error instanceof Error ? error.message : String(error))
      })
    }
    return resisting
  }

  async #perform(step: Step, note: Note): Promise<void> {
    const { signal, approve } = this.#context
    if (step.hold !== undefined) await pause(step.hold, signal)
    if (step.fault !== undefined) await this.#inject(step.fault, note)
    if (step['wait-for'] !== undefined) await this.#waitFor(step['wait-for'].event, step['wait-for'].within, note)
    if (step.approve !== undefined && !(await approve(step.approve))) throw new Interrupted('not approved')
    if (step.action?.wait === true) await this.#order(step.action, note)
    if (step.action?.wait === false) await this.#orderOnly(step.action, note)
    if (step.heal !== undefined) {
      const fault = this.#faults.find((each) => each.record.id === step.heal)
      if (fault !== undefined && fault.record.healedNs === null) await this.#healNow(fault, note)
    }
  }

  /** Nothing is injected into, or ordered of, a world that isn't steady: the figures would not be the fault's. */
  async #beforeDisturbance(note: Note): Promise<void> {
    const { world, runbook, signal } = this.#context
    if (!this.#disturbed) {
      const missing = await until(() => this.#missingForSteady(), steadyWithinMs, signal, note)
      if (missing.length > 0) throw new StepFailed(`no steady state before the first fault: ${missing.join('; ')}`)
      this.#disturbed = true
    }
    // In a world with a dead region a look takes seconds, which would lie between this disturbance and the one before.
    if (runbook.method.some((step) => step['wait-for']?.event === 'failover-complete'))
      this.#epochAtDisturbance = highestEpoch(await viewWorld(world), this.#epochAtDisturbance)
  }

  async #missingForSteady(): Promise<readonly string[]> {
    const { world, runbook, collector } = this.#context
    await collector.catchUp()
    return missingForSteady(collector.operations, runbook, await clockNs(world))
  }

  async #inject(spec: FaultSpec, note: Note): Promise<void> {
    const { world, drill, collector } = this.#context
    await this.#beforeDisturbance(note)
    const injected = await injectFault(world, drill, spec).catch((error: unknown) => {
      if (error instanceof NothingToBreak && spec.kind === 'postgres-crash' && spec.optional) return error
      throw error
    })
    if (injected instanceof NothingToBreak) return note(`left out: ${injected.message}`)
    const { entry, effect } = injected
    const { id, kind, target, background } = spec
    const record: FaultRecord = {
      id,
      kind,
      target,
      background,
      firstNs: effect.firstNs.toString(),
      lastNs: effect.lastNs.toString(),
      proof: 'not yet proven',
      healedNs: null,
      healProof: null,
    }
    const healsAside = spec.kind === 'postgres-crash' && spec.optional
    const fault: LiveFault = { entry, record, healing: null, healsAside }
    this.#faults.push(fault)
    await collector.note('fault', `${kind} of ${target}`, { id }, effect.firstNs)
    fault.record = { ...record, proof: await proveFault(world, entry) }
    note(fault.record.proof)
  }

  async #healNow(fault: LiveFault, note: Note): Promise<void> {
    if (!fault.healsAside) return note(await this.#heal(fault))
    fault.healing ??= this.#heal(fault)
    // Whether it ends well is asked at the end of the method.
    fault.healing.catch(() => {})
  }

  async #heal(fault: LiveFault): Promise<string> {
    const { world, collector } = this.#context
    const proof = await healFault(world, fault.entry)
    const healedNs = await collector.note('healed', proof, { id: fault.record.id })
    fault.record = { ...fault.record, healedNs: healedNs.toString(), healProof: proof }
    return proof
  }

  async #waitFor(event: AwaitedEvent, withinMs: number, note: Note): Promise<void> {
    const { world, collector, signal } = this.#context
    const looks: Readonly<Record<AwaitedEvent, () => Promise<readonly string[]>>> = {
      'failover-complete': async () => {
        const complete = failoverComplete(await viewWorld(world), this.#epochAtDisturbance)
        return complete ? [] : [`no epoch above ${this.#epochAtDisturbance} is active`]
      },
      resynced: async () => missingForWhole(await viewWorld(world)),
      steady: () => this.#missingForSteady(),
    }
    const missing = await until(looks[event], withinMs, signal, note)
    if (missing.length > 0) throw new StepFailed(`not within ${formatMs(withinMs)}: ${missing.join('; ')}`)
    await collector.note(event, `${event} as the harness sees it`)
  }

  async #orderOnly(action: ActionSpec, note: Note): Promise<void> {
    const { world, collector } = this.#context
    await this.#beforeDisturbance(note)
    const answer = async (): Promise<{ readonly failed: string | null; readonly atNs: bigint | null }> => {
      const failed = await this.#give(action, note)
        .then(() => null)
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      const atNs = await clockNs(world).catch(() => null)
      if (atNs !== null) await collector.note('answered', failed ?? `the ${action.kind} is done`, {}, atNs)
      return { failed, atNs }
    }
    this.#orders.push({ index: this.taken.length, answered: answer() })
  }

  async #order(action: ActionSpec, note: Note): Promise<void> {
    await this.#beforeDisturbance(note)
    await this.#give(action, note)
  }

  async #give(action: ActionSpec, note: Note): Promise<void> {
    const { world, runbook, collector } = this.#context
    const home = runbook.topology.home
    const to = action.kind === 'failback' ? home : action.to
    await collector.note('ordered', `${action.kind} to ${to ?? 'whoever is best'}`)
    try {
      const reply =
        action.kind === 'failover'
          ? await failover(world, { to: to ?? null, acceptDataLoss: action['accept-data-loss'] })
          : await switchover(world, to ?? home)
      note(`epoch ${reply.epoch}: ${reply.primary ?? 'nobody'} is primary`)
    } catch (error) {
      throw error instanceof EnvironmentError ? new StepFailed(error.message) : error
    }
  }
}
