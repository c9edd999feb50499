// What the page may do to a world, by the same functions as the commands. What is refused says why, and at which field.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Engine } from '#world/docker-engine.ts'
import { z } from 'zod'
import type { ApprovalAnswer } from '#protocol/live-drill.ts'
import { regions } from '#protocol/sites.ts'
import { healFault } from '#chaos/inject.ts'
import { readLedger } from '#chaos/wan-calls.ts'
import { busy, lockWorld, type WorldLock } from '#world/busy-lock.ts'
import { lastLines } from '#world/child-process.ts'
import { startDetached } from '#world/detached.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { lookAtDriver } from '#world/holds.ts'
import { approvalFile, drillLogFile } from '#world/world-files.ts'
import { isAlive } from '#world/process-lock.ts'
import { failover, switchover } from '#world/moves.ts'
import { startWan } from '#world/wan-start.ts'
import { messageOf } from '#runtime/message-of.ts'
import { readLiveDrill } from '../live-drill.ts'
import { healWorld } from '../heal-world.ts'
import { injectByHand, senselessIn } from '../manual-fault.ts'
import { loadRunbook, RunbookInvalid, shippedRunbooks, type LoadedRunbook } from '../validate.ts'
import { asksForApproval, otherTopology } from './catalogue.ts'
import { readForm } from './fault-form.ts'
import type { FieldProblem } from './model/offers.ts'
import type { Watch } from './watch.ts'

/** Not done; `problems` names the fields of the form that have to change, if it is they. */
export class ActRefused extends Error {
  override readonly name = 'ActRefused'
  readonly problems: readonly FieldProblem[]
  constructor(message: string, problems: readonly FieldProblem[] = []) {
    super(message)
    this.problems = problems
  }
}

function refuseField(field: string, message: string): never {
  throw new ActRefused(message, [{ field, message }])
}

export const moveRequest = z.strictObject({
  kind: z.enum(['failover', 'failback', 'switchover']),
  /** Empty: the best one, for a failover only. */
  to: z.union([z.enum(regions), z.literal('')]).default(''),
  acceptDataLoss: z.boolean().default(false),
  /** The region's name (`a` or `region a`) or the world's, typed by hand. */
  confirm: z.string(),
})
export const drillRequest = z.strictObject({
  runbook: z.string(),
  set: z.array(z.string()).default([]),
  /** The runbook's topology is another: this world goes, and one of that topology takes its name. */
  remakeWorld: z.boolean().default(false),
})
export const approvalRequest = z.strictObject({ id: z.string(), approved: z.boolean() })

export class Acts {
  readonly #watch: Watch
  readonly #docker: Engine['docker']
  readonly #environment: Readonly<Record<string, string | undefined>>

  constructor(watch: Watch, docker: Engine['docker'], environment: Readonly<Record<string, string | undefined>>) {
    this.#watch = watch
    this.#docker = docker
    this.#environment = environment
  }

  get #name(): string {
    return this.#watch.observed.world
  }

  /** @param values by the names of the form's fields */
  async inject(values: Readonly<Record<string, string>>): Promise<string> {
    const read = readForm(values)
    if ('problems' in read) throw new ActRefused('the fault is not well described', read.problems)
    const { spec } = read
    const senseless = senselessIn(spec)
    if (senseless.length > 0) throw new ActRefused('the fault makes no sense', senseless)
    const { world } = this.#watch
    const { proven } = await injectByHand(world, spec)
    this.#watch.note('fault', `${spec.kind} of ${spec.target}, injected from the dashboard`)
    void proven
      .then((proof) => this.#watch.note('proven', proof))
      .catch((error: unknown) => this.#watch.note('unproven', messageOf(error)))
    return `${spec.kind} of ${spec.target} is injected`
  }

  async heal(id: string): Promise<string> {
    const { world } = this.#watch
    const entry = (await readLedger(world)).find((each) => each.id === id)
    if (entry === undefined) throw new ActRefused(`no fault ${id} is in the ledger: it is healed already`)
    const proof = await healFault(world, entry)
    this.#watch.note('healed', `${entry.kind} of ${entry.target}: ${proof}`)
    return proof
  }

  /** All faults and left load; as `./firedrill heal`, so not while a drill runs. */
  async healAll(): Promise<string> {
    await using lock = await this.#lock('heal from the dashboard')
    if (!lock.isHeld) await lock.claim()
    const woken = await startWan(this.#docker, this.#name)
    if (!lock.isHeld) await lock.attach()
    await using world = await openWorldOn(this.#docker, this.#name)
    const { healed, left } = await healWorld(world)
    for (const line of healed) this.#watch.note('healed', line)
    if (left.length > 0) throw new ActRefused(`left: ${left.join('; ')}`)
    return [...(woken === null ? [] : [woken]), ...healed].join('; ') || 'there was no fault and no load'
  }

  #lock(doing: string): Promise<WorldLock> {
    return lockWorld({ docker: this.#docker, world: this.#name, doing, say: () => {} })
  }

  async move(request: z.infer<typeof moveRequest>): Promise<string> {
    const { world } = this.#watch
    const { kind, to, acceptDataLoss } = request
    const target = kind === 'failback' ? world.topology.home : to === '' ? null : to
    if (kind === 'switchover' && target === null) refuseField('to', 'expected a region to switch over to')
    if (kind !== 'failover' && acceptDataLoss) refuseField('acceptDataLoss', `a ${kind} never loses data`)
    const typed = request.confirm.trim().toLowerCase()
    const accepted = [this.#name, ...(target === null ? [] : [target, `region ${target}`])]
    if (!accepted.includes(typed))
      refuseField(
        'confirm',
        `expected ${accepted.map((each) => JSON.stringify(each)).join(' or ')}, found ${JSON.stringify(request.confirm)}`,
      )
    await using lock = await this.#lock(`${kind} from the dashboard`)
    if (!lock.isHeld) await lock.claim()
    this.#watch.note('ordered', `${kind} to ${target ?? 'whoever is best'}, from the dashboard`)
    const reply =
      kind === 'failover'
        ? await failover(world, { to: target, acceptDataLoss })
        : await switchover(world, target ?? world.topology.home)
    return `region ${reply.primary ?? 'none'} is primary in epoch ${reply.epoch}: ${reply.reason}`
  }

  /** The drill is a process of its own: it goes on if the dashboard ends. */
  async startDrill({ runbook, set, remakeWorld }: z.infer<typeof drillRequest>): Promise<string> {
    const loaded = await this.#loadForDrill(runbook, set)
    const differing = otherTopology(loaded, this.#watch.observed.topology)
    if (differing.length > 0 && !remakeWorld)
      refuseField(
        'remakeWorld',
        `this world was built otherwise (${differing.join('; ')}): say that it may be made anew`,
      )
    const { state, holder } = await lookAtDriver(this.#docker, this.#name, this.#watch.world)
    if (state === 'held' || state === 'away') throw new ActRefused(busy(this.#name, holder).message)
    const approves = await asksForApproval(runbook, set)
    const logFile = drillLogFile(this.#name)
    const child = startDetached({
      program: [
        'cli/main.ts',
        'run',
        runbook,
        '--world',
        this.#name,
        ...set.flatMap((each) => ['--set', each]),
        ...(approves ? ['--approve-in-dashboard'] : []),
      ],
      logFile,
      environment: this.#environment,
    })
    const { observed } = this.#watch
    const launch = { runbook, sinceMs: Date.now(), ended: null }
    observed.launch = launch
    const ended = async (code: number | null): Promise<void> => {
      const words = lastLines(await readFile(logFile, 'utf8').catch(() => ''), 1).slice(0, 400)
      observed.launch = { ...launch, ended: { exitCode: code ?? 1, words } }
      this.#watch.changed()
    }
    child.once('exit', (code) => void ended(code))
    this.#watch.note('drill', `${runbook} started from the dashboard`)
    return `${runbook} starts`
  }

  async #loadForDrill(runbook: string, set: readonly string[]): Promise<LoadedRunbook> {
    if (!(await shippedRunbooks()).includes(runbook)) refuseField('runbook', 'expected one of the shipped runbooks')
    try {
      return await loadRunbook(runbook, { set, canApprove: true })
    } catch (error) {
      if (!(error instanceof RunbookInvalid)) throw error
      throw new ActRefused(
        'the runbook is not valid so',
        error.problems.map((message) => ({ field: 'set', message })),
      )
    }
  }

  async approve({ id, approved }: z.infer<typeof approvalRequest>): Promise<string> {
    const drill = await readLiveDrill(this.#name)
    if (drill?.approval?.id !== id || !isAlive(drill.pid))
      throw new ActRefused('no drill asks this any more: it was answered elsewhere, or the drill has ended')
    const path = approvalFile(this.#name)
    const answer: ApprovalAnswer = { id, approved, from: 'dashboard' }
    await mkdir(dirname(path), { recursive: true })
    // Renamed into place, so that the drill never reads half of it.
    await writeFile(`${path}.${process.pid}`, JSON.stringify(answer))
    await rename(`${path}.${process.pid}`, path)
    this.#watch.note(approved ? 'approved' : 'declined', drill.approval.question)
    return approved ? 'approved' : 'declined: the drill heals and ends'
  }
}
