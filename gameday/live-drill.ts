// Shows a running drill to whoever looks (protocol/live-drill.ts), and takes the answer to its question from there too.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Verdict } from '#protocol/journal.ts'
import { approvalAnswer, type ApprovalAnswer, liveDrill, type LiveDrill } from '#protocol/live-drill.ts'
import type { Runbook } from '#protocol/runbook.ts'
import { liveDrillFile, liveFolder } from '#world/world-files.ts'
import { methodLeaves, rollbackLeaves } from './method.ts'
import { kindOf, titleOf } from './titles.ts'

const pollMs = 200

export interface LiveOptions {
  readonly world: string
  readonly drill: string
  /** The drill's folder, absolute. */
  readonly folder: string
  readonly runbookName: string
  readonly runbook: Runbook
  readonly startedAt: string
}

type LiveStep = LiveDrill['steps'][number]

/** Asks at the terminal; rejects once the signal is aborted. */
export type Ask = (question: string, signal: AbortSignal) => Promise<boolean>

export class LiveDrillFile {
  readonly #folder: string
  readonly #places: readonly string[]
  #drill: LiveDrill
  #written: Promise<void> = Promise.resolve()
  #pending = false
  #asking: Promise<unknown> = Promise.resolve()

  constructor(options: LiveOptions) {
    this.#folder = liveFolder(options.world)
    const method = methodLeaves(options.runbook)
    const rollback = rollbackLeaves(options.runbook)
    this.#places = [...method, ...rollback].map((each) => each.at)
    const shown = (prefix: string, leaf: (typeof method)[number]): LiveStep => ({
      title: `${prefix}${titleOf(leaf.step)}`,
      kind: kindOf(leaf.step),
      state: 'waiting',
      note: leaf.step.notes ?? null,
      startedMs: null,
      endedMs: null,
    })
    this.#drill = {
      drill: options.drill,
      folder: options.folder,
      runbook: options.runbookName,
      title: options.runbook.title,
      pid: process.pid,
      startedAt: options.startedAt,
      state: 'running',
      steps: [...method.map((each) => shown('', each)), ...rollback.map((each) => shown('Rollback: ', each))],
      approval: null,
      verdict: null,
      interruption: null,
    }
  }

  /** An answer that lies there is one to another drill's question. */
  async open(): Promise<void> {
    // That nobody can look must not end a drill.
    await mkdir(this.#folder, { recursive: true }).catch(() => {})
    await rm(this.#approvalFile, { force: true }).catch(() => {})
    this.#publish({})
    await this.#written
  }

  began(at: string): void {
    this.#change(at, { state: 'running', startedMs: Date.now() })
  }

  noted(at: string, note: string): void {
    this.#change(at, { note })
  }

  ended(at: string, failed: string | null): void {
    this.#change(at, {
      state: failed === null ? 'done' : 'failed',
      endedMs: Date.now(),
      ...(failed === null ? {} : { note: failed }),
    })
  }

  /** What the method has not come to by now is skipped. */
  rollingBack(): void {
    this.#publish({
      state: 'rolling-back',
      steps: this.#drill.steps.map((step, index) =>
        step.state === 'waiting' && this.#places[index]?.startsWith('method') === true
          ? { ...step, state: 'skipped' }
          : step,
      ),
    })
  }

  checking(): void {
    this.#publish({ state: 'checking' })
  }

  /** The last word; the file stays, so that the verdict can be read. */
  async close(verdict: Verdict | null, interruption: string | null): Promise<void> {
    const steps = this.#drill.steps.map((step): LiveStep =>
      step.state === 'waiting' ? { ...step, state: 'skipped' } : step,
    )
    this.#publish({ state: 'ended', steps, approval: null, verdict, interruption })
    await this.#written
    await rm(this.#approvalFile, { force: true }).catch(() => {})
  }

  /** One question at a time: parallel branches wait for each other. The first answer counts, wherever it comes from. @throws what `ask` throws once the signal is aborted */
  async ask(question: string, ask: Ask, signal: AbortSignal): Promise<Omit<ApprovalAnswer, 'id'>> {
    const turn = this.#asking.catch(() => {}).then(() => this.#askNow(question, ask, signal))
    this.#asking = turn
    return turn
  }

  async #askNow(question: string, ask: Ask, signal: AbortSignal): Promise<Omit<ApprovalAnswer, 'id'>> {
    const id = randomUUID()
    const answered = new AbortController()
    const either = AbortSignal.any([signal, answered.signal])
    this.#publish({ approval: { id, question } })
    const here = ask(question, either).then((approved) => ({ approved, from: 'terminal' as const }))
    const there = this.#answerFromFile(id, either)
    try {
      return await Promise.race([here, there])
    } finally {
      answered.abort(new Error('answered elsewhere'))
      // The loser ends by itself, with nothing to say.
      await Promise.allSettled([here, there])
      this.#publish({ approval: null })
      await rm(this.#approvalFile, { force: true }).catch(() => {})
    }
  }

  async #answerFromFile(id: string, signal: AbortSignal): Promise<Omit<ApprovalAnswer, 'id'>> {
    for (;;) {
      signal.throwIfAborted()
      const answer = await this.#readAnswer()
      if (answer?.id === id) return { approved: answer.approved, from: answer.from }
      await sleep(pollMs, undefined, { signal })
    }
  }

  async #readAnswer(): Promise<ApprovalAnswer | null> {
    try {
      return approvalAnswer.parse(JSON.parse(await readFile(this.#approvalFile, 'utf8')))
    } catch {
      // None yet, or half of one.
      return null
    }
  }

  get #approvalFile(): string {
    return join(this.#folder, 'approval.json')
  }

  #change(at: string, change: Partial<LiveStep>): void {
    const index = this.#places.indexOf(at)
    this.#publish({ steps: this.#drill.steps.map((step, each) => (each === index ? { ...step, ...change } : step)) })
  }

  /** The newest state is written, one write at a time; that nobody can look must not end a drill. */
  #publish(change: Partial<LiveDrill>): void {
    this.#drill = { ...this.#drill, ...change }
    if (this.#pending) return
    this.#pending = true
    this.#written = this.#writeAfter(this.#written)
  }

  async #writeAfter(before: Promise<void>): Promise<void> {
    await before
    this.#pending = false
    const file = join(this.#folder, 'drill.json')
    const next = `${file}.${process.pid}`
    try {
      await writeFile(next, `${JSON.stringify(this.#drill)}\n`, { mode: 0o600 })
      await rename(next, file)
    } catch {
      await rm(next, { force: true }).catch(() => {})
    }
  }
}

/** What the last drill of a world showed of itself; null: none was ever begun in it. */
export async function readLiveDrill(world: string): Promise<LiveDrill | null> {
  try {
    return liveDrill.parse(JSON.parse(await readFile(liveDrillFile(world), 'utf8')))
  } catch {
    return null
  }
}
