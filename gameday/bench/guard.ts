// The dead-man's switch, measured: under each kind of fault a real drill, its terminal and all controllers die by kill -9, and what is
// timed is how long it takes until the fault is shown to be healed, and until nothing is left of it, with nobody's help.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { faultKinds, faultSpec, type FaultKind, type FaultSpec } from '#protocol/faults.ts'
import type { Verdict } from '#protocol/journal.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { checkout } from '#world/checkout.ts'
import { impossibleHere } from '#chaos/inject.ts'
import { handlerOf } from '#chaos/library.ts'
import { servicesOf } from '#chaos/targets.ts'
import { linkChanges, readFence, readLedger } from '#chaos/wan-calls.ts'
import { loadedAreas } from '../load.ts'
import { formatMs } from '../measure/objectives.ts'
import { readyWorld } from '../ready-world.ts'
import { pause } from '../wait.ts'
import { renderTable } from './distribution.ts'
import { faultExamples } from '#chaos/fault-examples.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { BenchOptions, BenchResult } from './run-bench.ts'

/** What DESIGN promises. */
const promisedMs = 30_000
const watchedMs = 120_000
const lookIntervalMs = 250

export interface GuardedFault {
  readonly kind: FaultKind
  readonly target: string
  /** From the kills to the proof that the fault has gone; null if that was not seen. */
  readonly healedMs: number | null
  /** Until ledger, links, fence device, load and containers are as before. */
  readonly wholeMs: number | null
  /** Why it was not measured, or what was left; empty if all went well. */
  readonly why: string
}

export async function benchGuard(options: BenchOptions): Promise<BenchResult> {
  const kinds = faultKinds.filter((kind) => options.kinds.length === 0 || options.kinds.includes(kind))
  const seen: GuardedFault[] = []
  let { world } = options
  for (const kind of kinds) {
    if (options.signal.aborted) break
    const spec = faultSpec.parse({ ...faultExamples[kind][0], id: 'struck', kind })
    const impossible = await impossibleHere(world, spec)
    if (impossible !== null) {
      seen.push({ kind, target: spec.target, healedMs: null, wholeMs: null, why: `not done: ${impossible}` })
      continue
    }
    world = await readyWorld(world, options)
    const measured = await options.progress.step(`Guard: ${kind} of ${spec.target}`, async (note) => {
      const each = await strike(world, spec, options.signal)
      note(each.healedMs === null ? each.why : `healed after ${formatMs(each.healedMs)}`)
      return each
    })
    if (!options.signal.aborted) seen.push(measured)
  }
  return resultOf(seen)
}

export function resultOf(seen: readonly GuardedFault[]): BenchResult {
  const measured = seen.filter((each) => !each.why.startsWith('not done'))
  const late = measured.filter((each) => each.wholeMs === null || each.wholeMs > promisedMs)
  const rows = seen.map((each) => [
    `${each.kind} of ${each.target}`,
    each.healedMs === null ? '-' : formatMs(each.healedMs),
    each.wholeMs === null ? '-' : formatMs(each.wholeMs),
    each.why === '' && late.includes(each) ? `later than ${promisedMs / 1000} s` : each.why,
  ])
  const screen = [
    'drill, its terminal and all controllers killed with -9 at 0; nobody helps but the guard',
    renderTable([['fault', 'healed', 'nothing left', ''], ...rows]),
  ].join('\n')
  const verdict: Verdict = late.length > 0 ? 'fail' : measured.length === 0 ? 'unknown' : 'pass'
  return { screen, json: { faults: seen }, verdict }
}

/** The world must be free: the drill takes its lock. */
export async function strike(world: RunningWorld, spec: FaultSpec, signal: AbortSignal): Promise<GuardedFault> {
  const { kind, target } = spec
  const nothing = { kind, target, healedMs: null, wholeMs: null }
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-guard-'))
  const file = join(folder, `guard-${kind}.yaml`)
  await writeFile(file, drillText(world, kind))
  const drill = startDrill(file, world.name)
  try {
    await drill.injected
    const [entry] = await readLedger(world)
    if (entry === undefined) return { ...nothing, why: 'the drill left nothing in the ledger' }
    const killedMs = performance.now()
    await killEverybody(world, drill.terminal)
    return { ...nothing, ...(await watch(world, entry, killedMs, signal)) }
  } catch (error) {
    return { ...nothing, why: messageOf(error) }
  } finally {
    killSession(drill.terminal)
    await rm(folder, { recursive: true, force: true })
  }
}

/** What its worlds need beside the usual: disks that can be filled. */
export const guardTopology = { disk: '512MiB' }

function drillText(world: RunningWorld, kind: FaultKind): string {
  const { home, commit, steering } = world.topology
  return stringify({
    title: `Die while ${kind} is in force`,
    topology: { home, commit, steering, ...guardTopology },
    load: { rate: '20/s' },
    'steady-state-hypothesis': { 'success-rate': '>= 50%', p99: '<= 10s' },
    method: [
      { hold: '1s' },
      // Long enough that its time is not what heals it.
      { fault: { ...faultExamples[kind][0], id: 'struck', kind, for: '30m' } },
      { hold: '20m' },
    ],
  })
}

interface StartedDrill {
  /** The shell in whose session the drill runs. */
  readonly terminal: ChildProcess
  /** @throws Error with the drill's last words if it ends before */
  readonly injected: Promise<void>
}

function startDrill(file: string, world: string): StartedDrill {
  const argv = [process.execPath, join(checkout, 'cli', 'main.ts'), 'run', file, '--world', world, '--seed', '1']
  // Not exec: the shell stays, as the drill's parent.
  const script = '"$@"; exit $?'
  const terminal = spawn('/bin/sh', ['-c', script, 'sh', ...argv], {
    cwd: checkout,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines: string[] = []
  const injected = new Promise<void>((resolve, reject) => {
    createInterface({ input: terminal.stderr }).on('line', (line) => {
      lines.push(line)
      if (/✔ Fault: /.test(line)) resolve()
    })
    terminal.once('close', () => reject(new Error(`the drill ended by itself: ${lines.slice(-3).join(' | ')}`)))
  })
  // Who ends before the fault is injected is told of it; after the kill nobody waits any more.
  injected.catch(() => {})
  return { terminal, injected }
}

/** The shell and the drill in it, at one instant. The guard has a session of its own. */
function killSession(terminal: ChildProcess): void {
  if (terminal.pid === undefined) return
  try {
    process.kill(-terminal.pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** The controllers first: the guard looks the world over as soon as the drill is gone, and then has no more reason to. */
async function killEverybody(world: RunningWorld, terminal: ChildProcess): Promise<void> {
  const running = new Set(
    (await world.containers()).filter((each) => each.state === 'running').map((each) => each.site),
  )
  await world.kill(servicesOf('controller.*').filter((each) => running.has(each.site)))
  const ended = once(terminal, 'close')
  killSession(terminal)
  await ended
}

async function watch(
  world: RunningWorld,
  entry: LedgerEntry,
  killedMs: number,
  signal: AbortSignal,
): Promise<Pick<GuardedFault, 'healedMs' | 'wholeMs' | 'why'>> {
  let healedMs: number | null = null
  let left: readonly string[] = []
  while (performance.now() - killedMs < watchedMs) {
    // A look that fails has shown nothing.
    const ledger = await readLedger(world).catch(() => [entry])
    if (healedMs === null && !ledger.some((each) => each.id === entry.id)) {
      const proof = await handlerOf(entry.kind)
        .isHealed(world, entry)
        .catch(() => null)
      if (proof !== null) healedMs = performance.now() - killedMs
    }
    left = await leftIn(world).catch((error: unknown) => [String(error)])
    if (healedMs !== null && left.length === 0) return { healedMs, wholeMs: performance.now() - killedMs, why: '' }
    await pause(lookIntervalMs, signal)
  }
  return { healedMs, wholeMs: null, why: `left after ${watchedMs / 1000} s: ${left.join(', ')}` }
}

/** Whatever a dead drill can leave, one word each. */
async function leftIn(world: RunningWorld): Promise<readonly string[]> {
  const [ledger, links, fence, containers] = await Promise.all([
    readLedger(world),
    linkChanges(world),
    readFence(world),
    world.containers(),
  ])
  const down = containers.filter(({ state }) => state !== 'running')
  const found = [
    ...ledger.map((each) => `ledger ${each.id}`),
    ...links.map((each) => `link ${each.id}`),
    ...(fence.broken === null ? [] : ['fence device broken']),
    ...down.map((each) => `${each.name} ${each.state}`),
  ]
  return found.length > 0 ? found : (await loadedAreas(world)).map((area) => `load ${area}`)
}
