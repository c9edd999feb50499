// Performs the steps of a runbook's method, one by one or side by side, then its rollback, and keeps when each began and ended.
import type { Check, FaultRecord } from '#protocol/journal.ts'
import type { ActionSpec, AwaitedEvent, Runbook, SingleStep } from '#protocol/runbook.ts'
import type { FaultSpec } from '#protocol/faults.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { failover, switchover } from '#world/moves.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { Collector } from './collector.ts'
import { currentPrimary, failoverComplete, highestEpoch, missingForWhole } from './conditions.ts'
import { LiveFaults } from './live-faults.ts'
import { formatMs } from './measure/objectives.ts'
import type { StepTaken } from './measure/record.ts'
import { branchesOf, methodLeaves, rollbackLeaves, type Leaf } from './method.ts'
import { inBranches, type Progress } from './progress.ts'
import { missingForSteady } from './steadiness.ts'
import { kindOf, titleOf } from './titles.ts'
import { viewWorld } from './view-world.ts'
import { Interrupted, interruptedBy, pause, throwIfInterrupted, until } from './wait.ts'

/** An order that the method did not wait for: which step it was, and how and when it was answered. */
interface OrderGiven {
  readonly at: string
  readonly answered: Promise<{ readonly failed: string | null; readonly atNs: bigint }>
}

/** The runbook can't go on: what is left of it is skipped, then the drill heals and reports. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed'
}

const steadyWithinMs = 30_000
type Note = (text: string) => void

/** Told of each step, by its place. */
export interface StepsWatcher {
  began(at: string): void
  noted(at: string, note: string): void
  ended(at: string, failed: string | null): void
}

/** What one branch knows of what was done before: its waits are for what followed from that. */
interface Branch {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** A rollback only takes back: it orders no move to where the role is already. */
  readonly rollingBack: boolean
  /** Epoch and time before the latest row of faults, or the latest order: what the first of a row causes may be there before the last is. */
  before: { readonly epoch: number; readonly atNs: bigint }
  /** The latest fault or order itself. */
  disturbedNs: bigint
  /** The step before was a fault. */
  inRow: boolean
}

const undisturbed = { before: { epoch: 0, atNs: 0n }, disturbedNs: 0n, inRow: false } satisfies Partial<Branch>

export interface StepsContext {
  readonly world: RunningWorld
  readonly runbook: Runbook
  readonly drill: string
  readonly collector: Collector
  readonly progress: Progress
  /** Resolves with the answer, and with words that say where it came from. */
  readonly approve: (
    question: string,
    signal: AbortSignal,
  ) => Promise<{ readonly approved: boolean; readonly from: string }>
  readonly signal: AbortSignal
  readonly watcher: StepsWatcher
}

export class Steps {
  readonly #context: StepsContext
  readonly #taken = new Map<string, StepTaken>()
  readonly #faults: LiveFaults
  /** Orders that the method did not wait for. */
  readonly #orders: OrderGiven[] = []
  #disturbed = false

  constructor(context: StepsContext) {
    this.#context = context
    this.#faults = new LiveFaults(context)
  }

  get faults(): readonly FaultRecord[] {
    return this.#faults.records
  }

  /** In the order in which they began. */
  get taken(): readonly StepTaken[] {
    return [...this.#taken.values()].toSorted((left, right) => (BigInt(left.fromNs) < BigInt(right.fromNs) ? -1 : 1))
  }

  /** @throws StepFailed, Interrupted */
  async method(): Promise<void> {
    const { runbook, progress, signal } = this.#context
    const main: Branch = { progress, signal, rollingBack: false, ...undisturbed }
    const leaves = methodLeaves(runbook)
    for (const [index, step] of runbook.method.entries()) {
      const branches = branchesOf(step, ['method', index])
      const leaf = leaves.find((each) => each.at === `method[${index}]`)
      if (branches.length > 0) await this.#sideBySide(branches, main)
      else if (leaf !== undefined) await this.#perform(leaf, main)
    }
    throwIfInterrupted(signal)
  }

  /**
   * Each step is tried, whatever became of those before it and of the method; Ctrl-C ends none of them.
   * @returns what failed, one sentence each
   */
  async rollback(): Promise<readonly string[]> {
    const { runbook, progress } = this.#context
    const { signal } = new AbortController()
    const branch: Branch = { progress, signal, rollingBack: true, ...undisturbed }
    const failures: string[] = []
    for (const leaf of rollbackLeaves(runbook))
      await this.#perform(leaf, branch).catch((error: unknown) => {
        failures.push(messageOf(error))
      })
    return failures
  }

  /** A branch that fails lets the others go on to their end, as they may be on their way to mend what it broke; a no, Ctrl-C and stop loss end all. */
  async #sideBySide(branches: readonly (readonly Leaf[])[], main: Branch): Promise<void> {
    throwIfInterrupted(main.signal)
    const failures: unknown[] = []
    const stopping = new AbortController()
    const signal = AbortSignal.any([main.signal, stopping.signal])
    const copies = branches.map((): Branch => ({ ...main, signal }))
    await inBranches(
      main.progress,
      branches.map((leaves, index) => async (progress) => {
        const own = Object.assign(copies[index] ?? { ...main, signal }, { progress })
        try {
          for (const leaf of leaves) await this.#perform(leaf, own)
        } catch (error) {
          failures.push(error)
          if (error instanceof Interrupted) stopping.abort(error)
        }
      }),
    )
    const disturbed = copies.filter((each) => each.disturbedNs > main.disturbedNs)
    const [first] = disturbed.toSorted((left, right) => (left.before.atNs < right.before.atNs ? -1 : 1))
    if (first !== undefined) main.before = first.before
    for (const { disturbedNs } of disturbed) if (disturbedNs > main.disturbedNs) main.disturbedNs = disturbedNs
    main.inRow = copies.every((each) => each.inRow)
    const interrupted = failures.find((each) => each instanceof Interrupted)
    if (interrupted !== undefined) throw interrupted
    if (failures.length > 0)
      throw new StepFailed(failures.map((each) => (each instanceof Error ? each.message : String(each))).join('; '))
  }

  /** @throws StepFailed, Interrupted */
  async #perform({ at, step }: Leaf, branch: Branch): Promise<void> {
    const { watcher, collector } = this.#context
    throwIfInterrupted(branch.signal)
    const title = branch.rollingBack ? `Rollback: ${titleOf(step)}` : titleOf(step)
    const fromNs = await collector.clock.ask()
    let failed: string | null = null
    let action = step.action?.kind ?? null
    watcher.began(at)
    try {
      await branch.progress.step(title, async (note) => {
        const noteBoth: Note = (text) => {
          note(text)
          watcher.noted(at, text)
        }
        if (step.notes !== undefined) note(step.notes)
        if (await this.#isThereAlready(step, branch, noteBoth)) action = null
        else await this.#do({ at, step }, branch, noteBoth)
      })
      branch.inRow = step.fault !== undefined
    } catch (error) {
      failed = messageOf(error)
      throw error instanceof Interrupted ? error : new StepFailed(`${title}: ${failed}`)
    } finally {
      const toNs = (await collector.clock.now()).atNs
      this.#taken.set(at, {
        at,
        title,
        kind: kindOf(step),
        fromNs: fromNs.toString(),
        toNs: toNs.toString(),
        failed,
        action,
      })
      watcher.ended(at, failed)
    }
  }

  /** Whether a rollback's order would move the role to where it is. */
  async #isThereAlready(step: SingleStep, branch: Branch, note: Note): Promise<boolean> {
    const { world, runbook } = this.#context
    if (!branch.rollingBack || step.action === undefined) return false
    const to = step.action.kind === 'failback' ? runbook.topology.home : step.action.to
    if (to === undefined || currentPrimary(await viewWorld(world)) !== to) return false
    note(`left out: region ${to} is primary already`)
    return true
  }

  /** Waits until every order that was not waited for is answered: its step lasted until then, and it explains epochs until then. */
  async ordersAnswered(): Promise<void> {
    for (const { at, answered } of this.#orders) {
      const { failed, atNs } = await answered
      const step = this.#taken.get(at)
      if (step !== undefined) this.#taken.set(at, { ...step, failed, toNs: atNs.toString() })
    }
  }

  /** Whatever is done to the world beside the drill is seen from now on. */
  startWatching(): Promise<void> {
    return this.#faults.start()
  }

  /** @returns whether all of that could be seen */
  stopWatching(): Promise<Check> {
    return this.#faults.stop()
  }

  /** Heals whatever of this drill is not healed yet, the latest first. @returns what resists */
  healRest(note: Note): Promise<readonly string[]> {
    return this.#faults.healRest(note)
  }

  async #do({ at, step }: Pick<Leaf, 'at' | 'step'>, branch: Branch, note: Note): Promise<void> {
    if (step.hold !== undefined) await pause(step.hold, branch.signal)
    if (step.fault !== undefined) await this.#inject(step.fault, branch, note)
    if (step['wait-for'] !== undefined)
      await this.#waitFor(step['wait-for'].event, step['wait-for'].within, branch, note)
    if (step.approve !== undefined) await this.#approve(step.approve, branch)
    if (step.action?.wait === true) await this.#order(step.action, branch, note)
    if (step.action?.wait === false) await this.#orderOnly(at, step.action, branch, note)
    if (step.heal !== undefined) {
      await this.#faults.heal(step.heal, note)
      if (branch.rollingBack && !this.#faults.isKnown(step.heal)) note('left out: it was not injected')
    }
  }

  async #approve(question: string, { signal }: Branch): Promise<void> {
    const { approve, collector } = this.#context
    const answer = await approve(question, signal).catch((error: unknown) => {
      throw signal.aborted ? interruptedBy(signal) : error
    })
    throwIfInterrupted(signal)
    await collector.note('approval', `${question} ${answer.approved ? 'Yes' : 'No'}, ${answer.from}`)
    if (!answer.approved) throw new Interrupted(`not approved (${answer.from})`)
  }

  /** Nothing is injected into, or ordered of, a world that isn't steady: the figures would not be the fault's. */
  async #beforeDisturbance(branch: Branch, joinsRow: boolean, note: Note): Promise<void> {
    const { world, runbook } = this.#context
    if (!this.#disturbed && !branch.rollingBack) {
      const missing = await until(() => this.#missingForSteady(), steadyWithinMs, branch.signal, note)
      if (missing.length > 0) throw new StepFailed(`no steady state before the first fault: ${missing.join('; ')}`)
      this.#disturbed = true
    }
    // In a world with a dead region a look takes seconds, so none is taken without need.
    const isEpochAsked = methodLeaves(runbook).some(({ step }) => step['wait-for']?.event === 'failover-complete')
    const known = branch.before.epoch
    const epoch = isEpochAsked && !joinsRow ? highestEpoch(await viewWorld(world), known) : known
    branch.disturbedNs = await clockNs(world)
    if (!joinsRow) branch.before = { epoch, atNs: branch.disturbedNs }
  }

  async #missingForSteady(): Promise<readonly string[]> {
    const { world, runbook, collector } = this.#context
    await collector.catchUp()
    return missingForSteady((ns) => collector.endedSince(ns), runbook, await clockNs(world))
  }

  async #inject(spec: FaultSpec, branch: Branch, note: Note): Promise<void> {
    await this.#beforeDisturbance(branch, branch.inRow, note)
    await this.#faults.inject(spec, note)
  }

  async #waitFor(event: AwaitedEvent, withinMs: number, branch: Branch, note: Note): Promise<void> {
    const { world, collector } = this.#context
    const looks: Readonly<Record<AwaitedEvent, () => Promise<readonly string[]>>> = {
      'failover-complete': async () => {
        const complete = failoverComplete(await viewWorld(world), branch.before.epoch)
        return complete ? [] : [`no epoch above ${branch.before.epoch} is active`]
      },
      suspected: async () => {
        await collector.catchUp()
        return collector.events.some(({ kind, atNs }) => kind === 'suspect' && BigInt(atNs) >= branch.before.atNs)
          ? []
          : ['no controller suspects the primary']
      },
      'write-acked': async () => {
        await collector.catchUp()
        return wasAckedSince(collector, branch.disturbedNs) ? [] : ['no write that was sent since is acked']
      },
      'home-primary': async () => this.#missingForHome(),
      resynced: async () => missingForWhole(await viewWorld(world)),
      steady: () => this.#missingForSteady(),
    }
    const missing = await until(looks[event], withinMs, branch.signal, note)
    if (missing.length > 0) throw new StepFailed(`not within ${formatMs(withinMs)}: ${missing.join('; ')}`)
    await collector.note(event, `${event} as the harness sees it`)
  }

  async #missingForHome(): Promise<readonly string[]> {
    const { world, runbook } = this.#context
    const primary = currentPrimary(await viewWorld(world))
    const { home } = runbook.topology
    return primary === home ? [] : [`${primary ?? 'nobody'} is primary, home is ${home}`]
  }

  async #orderOnly(at: string, action: ActionSpec, branch: Branch, note: Note): Promise<void> {
    const { collector } = this.#context
    await this.#beforeDisturbance(branch, false, note)
    const answer = async (): Promise<{ readonly failed: string | null; readonly atNs: bigint }> => {
      const failed = await this.#give(action, note)
        .then(() => null)
        .catch((error: unknown) => messageOf(error))
      const atNs = await collector.note('answered', failed ?? `the ${action.kind} is done`)
      return { failed, atNs }
    }
    this.#orders.push({ at, answered: answer() })
  }

  async #order(action: ActionSpec, branch: Branch, note: Note): Promise<void> {
    await this.#beforeDisturbance(branch, false, note)
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

function wasAckedSince(collector: Collector, sinceNs: bigint): boolean {
  return collector
    .endedSince(sinceNs)
    .some(
      ({ kind, outcome, sentNs }) =>
        kind === 'write' && outcome === 'ok' && sentNs !== null && BigInt(sentNs) > sinceNs,
    )
}
