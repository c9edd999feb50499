// One drill from steady state to report: load, steps, heal, final reads, check, files.
import { basename, resolve } from 'node:path'
import type { Check, Journal, Stall } from '#protocol/journal.ts'
import { regions } from '#protocol/sites.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { notRunning } from '#world/world-containers.ts'
import { clockNs, linkChanges, linkCounters, readLedger } from '#chaos/wan-calls.ts'
import { messageOf } from '#runtime/message-of.ts'
import { Collector } from './collector.ts'
import { conduct, whyEnded, type Conduct, type Conducted } from './conduct.ts'
import { LiveDrillFile, type Ask } from './live-drill.ts'
import { allLeaves } from './method.ts'
import { StopLoss } from './stop-loss.ts'
import { currentEpoch, currentPrimary, missingForFresh, missingForWhole } from './conditions.ts'
import {
  createDrillFolder,
  drillName,
  mendLines,
  writeRecord,
  writeWorldFiles,
  type DrillFolder,
} from './drill-folder.ts'
import { checkManifest, writeManifest } from './drill-manifest.ts'
import { describeEnvironment } from './environment.ts'
import {
  everyStoreRead,
  FinalStores,
  kafkaBaseline,
  nothingRead,
  type KafkaBaseline,
} from './final-reads/final-reads.ts'
import { loadedAreas } from './load.ts'
import { deadWords, equalsFresh } from './measure/checks.ts'
import { measure } from './measure/measure.ts'
import type { DrillRecord, FinalReads, StoreAgreement } from './measure/record.ts'
import type { Progress } from './progress.ts'
import { writeReport } from './report/write-report.ts'
import { StallWatch } from './stall-watch.ts'
import { Steps } from './steps.ts'
import type { LoadedRunbook } from './validate.ts'
import { viewWorld } from './view-world.ts'
import { Interrupted, interruptedBy, throwIfInterrupted, until } from './wait.ts'

export interface DrillOptions {
  readonly world: RunningWorld
  readonly loaded: LoadedRunbook
  /** Where `<time>-<runbook>/` and `latest` are made, usually `drills`. */
  readonly drillsFolder: string
  readonly seed: number
  /** What to type to get the same drill, for its report. */
  readonly command?: string
  readonly progress: Progress
  /** Asked by `approve` steps, beside whoever looks at the live drill; resolves to false for no. */
  readonly approve: Ask
  /** Ctrl-C: the drill heals, stops its load, writes what it has, and resolves with verdict `unknown`. */
  readonly signal: AbortSignal
  /** Aborted, as `signal` is then, once somebody else has the world: nothing of it is healed or ended any more. */
  readonly lost?: AbortSignal | undefined
}

export type { Progress } from './progress.ts'

/** A drill that can't start: world not ready, other topology, other drill running. Exit code 3. */
export class DrillRefused extends Error {
  override readonly name = 'DrillRefused'
}

export interface DrillResult {
  readonly journal: Journal
  readonly folder: string
}

const readyWithinMs = 120_000
const wholeWithinMs = 90_000
const storesWithinMs = 30_000
const storesSettleWithinMs = 10_000

/**
 * @throws DrillRefused before anything was changed; later failures are in the journal
 * @throws EnvironmentError if the drill's folder can't be written; says what is not healed then
 */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const { world, loaded, progress } = options
  const before = await progress
    .step('World is whole', (note) => refuseOrDescribe(world, loaded, note, options.signal))
    .catch((error: unknown) => {
      if (!(error instanceof Interrupted)) throw error
      throw new DrillRefused(`${error.message} before the drill began: nothing was injected`, { cause: error })
    })
  const startedAt = new Date()
  const folder = await createDrillFolder(options.drillsFolder, drillName(loaded.name, startedAt))
  const drill = basename(folder.path)
  // A disk that is full ends a drill as Ctrl-C does: what is not recorded can't be measured.
  const signal = AbortSignal.any([options.signal, folder.broken])
  const originNs = await clockNs(world)
  const live = new LiveDrillFile({
    world: world.name,
    drill,
    folder: resolve(folder.path),
    runbookName: loaded.name,
    runbook: loaded.runbook,
    startedAt: startedAt.toISOString(),
  })
  await live.open()
  const run = prepare({ options, signal, drill, folder, originNs, live, before })
  const { collector, steps } = run
  collector.start(originNs)
  const outcome = await perform(run).catch(async (error: unknown) => {
    await live.close(null, whyEnded(error))
    throw error
  })
  const bytes = (await wanBytes(world).catch(() => null)) ?? null
  const record: DrillRecord = {
    drill,
    runbookName: loaded.name,
    runbook: loaded.runbook,
    seed: options.seed,
    command: options.command ?? null,
    environment: await describeEnvironment(world).catch(() => null),
    world: world.name,
    startedAt: startedAt.toISOString(),
    originNs,
    endNs: (await collector.clock.now()).atNs,
    load: outcome.load,
    epochBefore: before.epoch,
    operations: collector.operations,
    events: collector.events,
    samples: collector.samples,
    exports: await collector.exports(),
    faults: steps.faults,
    steps: steps.taken,
    finalReads: outcome.finalReads,
    agreement: outcome.agreement,
    stalls: outcome.stalls,
    unheard: collector.unheard,
    wanBytes: bytes === null ? null : bytes - before.wanBytes,
    checks: outcome.checks,
    interruption: outcome.interruption,
  }
  const journal = measure(record)
  await progress
    .step('Report', (note) => writeAll(folder, world, record, journal, note))
    .catch(async (error: unknown) => {
      const why = messageOf(error)
      await live.close(null, why)
      throw new EnvironmentError(
        `the drill's folder ${folder.path} could not be written: ${why}. ${leftWords(record)}; make room (df -h, docker system df) and run it again`,
        { cause: error },
      )
    })
  await live.close(journal.verdict, journal.interruption)
  return { journal, folder: folder.path }
}

function leftWords({ faults, world }: DrillRecord): string {
  const left = faults.filter(({ healedNs }) => healedNs === null)
  if (left.length === 0) return 'Its faults are healed and its load is ended'
  return `Not healed: ${left.map(({ kind, target }) => `${kind} of ${target}`).join(', ')}; heal first: ./firedrill heal --world ${world}`
}

interface Preparing {
  readonly options: DrillOptions
  readonly signal: AbortSignal
  readonly drill: string
  readonly folder: DrillFolder
  readonly originNs: bigint
  readonly live: LiveDrillFile
  readonly before: Before
}

/** Puts together what a drill is made of; nothing begins yet. */
function prepare({ options, signal, drill, folder, originNs, live, before }: Preparing): Run {
  const { world, loaded } = options
  const { runbook } = loaded
  const collector = new Collector(world, runbook.load.from, folder.files)
  const load = { beganNs: originNs }
  const stopLoss = new StopLoss({
    conditions: runbook['abort-when'],
    view: async () => ({
      endedSince: (ns) => collector.endedSince(ns),
      events: collector.events,
      areas: runbook.load.from,
      fromNs: load.beganNs,
      nowNs: await collector.clock.ask(),
      epochBefore: before.epoch?.epoch ?? 0,
    }),
    reached: ({ condition, reason }) => collector.note('aborted', `${condition}: ${reason}`, { condition }),
  })
  const steps = new Steps({
    ...options,
    // The drill goes on after stop loss (final reads, checks); its method doesn't.
    signal: AbortSignal.any([signal, stopLoss.signal]),
    runbook,
    drill,
    collector,
    watcher: live,
    approve: async (question, asking) => {
      const { approved, from } = await live.ask(question, options.approve, asking)
      return { approved, from: from === 'dashboard' ? 'from the dashboard' : 'from the command line' }
    },
  })
  return { options, signal, drill, collector, steps, stopLoss, live, load, before }
}

async function writeAll(
  folder: DrillFolder,
  world: RunningWorld,
  record: DrillRecord,
  journal: Journal,
  note: (text: string) => void,
): Promise<void> {
  const changed = await folder.close()
  await mendLines(folder.path, changed, record)
  for (const name of changed)
    note(`somebody changed ${name} while the drill ran: written once more from what was collected`)
  await writeRecord(folder.path, record, journal)
  await writeWorldFiles(folder.path, world)
  await writeManifest(folder.path)
  await writeReport(folder.path, { ...record, journal, integrity: await checkManifest(folder.path) })
}

interface Before {
  readonly epoch: { readonly epoch: number; readonly region: string | null } | null
  readonly wanBytes: number
  readonly baseline: KafkaBaseline
}

async function wanBytes(world: RunningWorld): Promise<number> {
  return (await linkCounters(world)).links.reduce((sum, link) => sum + link.bytes, 0)
}

async function refuseOrDescribe(
  world: RunningWorld,
  loaded: LoadedRunbook,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<Before> {
  const wanted = loaded.runbook.topology
  const differing = (Object.keys(wanted) as (keyof typeof wanted)[]).filter(
    (key) => wanted[key] !== world.topology[key],
  )
  if (differing.length > 0)
    throw new DrillRefused(
      `world ${world.name} was built with another topology: ${differing.map((key) => `${key} is ${String(world.topology[key])}, ${loaded.name} needs ${String(wanted[key])}`).join('; ')}. Take it down first, or run in another with --world NAME`,
    )
  const ledger = await readLedger(world)
  if (ledger.length > 0)
    throw new DrillRefused(
      `world ${world.name} still has faults (${ledger.map((entry) => `${entry.kind} of ${entry.target}`).join(', ')}): run ./firedrill heal --world ${world.name}`,
    )
  const busy = await loadedAreas(world)
  if (busy.length > 0)
    throw new DrillRefused(
      `load of another drill runs in world ${world.name} (from ${busy.join(', ')}): wait for it, or end what a killed drill left with ./firedrill heal --world ${world.name}`,
    )
  const home = wanted.home
  let baseline: KafkaBaseline = new Map()
  const look = async (): Promise<readonly string[]> => {
    const missing = missingForFresh(await viewWorld(world), home)
    if (missing.length > 0) return missing
    try {
      baseline = await kafkaBaseline(world)
      return []
    } catch (error) {
      return [`Kafka does not say where its topics end: ${messageOf(error)}`]
    }
  }
  const missing = await until(look, readyWithinMs, signal, note)
  if (missing.length > 0) throw new DrillRefused(`world ${world.name} is not whole: ${missing.join('; ')}`)
  const record = currentEpoch(await viewWorld(world))
  const epoch = record === null ? null : { epoch: record.epoch, region: record.primary }
  return { epoch, wanBytes: await wanBytes(world), baseline }
}

interface Run extends Conducted {
  readonly options: DrillOptions
  /** Ends the drill: Ctrl-C, or a folder that can't be written any more. */
  readonly signal: AbortSignal
  readonly before: Before
}

interface Outcome {
  readonly load: DrillRecord['load']
  readonly finalReads: FinalReads
  readonly agreement: readonly StoreAgreement[]
  readonly stalls: readonly Stall[]
  readonly checks: readonly Check[]
  readonly interruption: string | null
}

async function perform(run: Run): Promise<Outcome> {
  const { load, interruption, checks, stalls } = await conductWatched(run)
  try {
    throwIfInterrupted(run.signal)
    const seen = await lookAfterwards(run, interruption)
    const ended = interruption ?? (run.signal.aborted ? whyEnded(interruptedBy(run.signal)) : null)
    return { load, stalls, ...seen, checks: [...checks, ...seen.checks], interruption: ended }
  } catch (error) {
    // After Ctrl-C nobody wants to wait for reads: what was not read is null.
    const unread = { finalReads: nothingRead, agreement: [] }
    return { load, stalls, ...unread, checks, interruption: interruption ?? whyEnded(error) }
  }
}

async function conductWatched(run: Run): Promise<Conduct & Pick<Outcome, 'stalls'>> {
  const watch = new StallWatch(run.options.world)
  watch.start()
  try {
    return { ...(await conduct(run)), stalls: await watch.stop() }
  } finally {
    await watch.stop()
  }
}

/** @throws Interrupted, and Error if the world can't be looked at any more */
async function lookAfterwards(
  run: Run,
  interruption: string | null,
): Promise<Pick<Outcome, 'finalReads' | 'agreement' | 'checks'>> {
  const { progress } = run.options
  const fresh = await progress.step('World as a fresh one', (note) => checkFresh(run, note))
  await using stores = await finalStores(run)
  const finalReads = await progress.step('Final reads', (note) => stores.read(note))
  const agreement = await progress.step('Stores of all regions compared', (note) => stores.compare(note))
  return { finalReads, agreement, checks: [everyStoreRead(stores.problems, interruption), fresh] }
}

async function finalStores({ drill, collector, signal, before, options: { world } }: Run): Promise<FinalStores> {
  const facts = await world.containers()
  const acked = new Set(
    collector.operations.flatMap((each) =>
      each.kind === 'write' && each.outcome === 'ok' && each.orderId !== null ? [each.orderId] : [],
    ),
  )
  return new FinalStores({
    world,
    drill,
    primary: currentPrimary(await viewWorld(world)),
    live: regions.filter((region) => facts.some((each) => each.site === region && each.state === 'running')),
    baseline: before.baseline,
    lostBelowEpoch: world.topology.commit === 'async' ? (before.epoch?.epoch ?? null) : null,
    ackedIds: [...acked],
    withinMs: storesWithinMs,
    settleWithinMs: storesSettleWithinMs,
    signal,
  })
}

/** Invariant 6: roles as designed (if the runbook failed back), every container running, every replica streaming, no fault left, the ledger empty. */
async function checkFresh(run: Run, note: (text: string) => void): Promise<Check> {
  const { world, loaded } = run.options
  // One that isn't waited for may be refused, and others may come after it.
  const movedOnPurpose = !allLeaves(loaded.runbook).some(
    ({ step }) => step.action?.kind === 'failback' && step.action.wait,
  )
  const look = async (): Promise<readonly string[]> => {
    const [view, ledger, links, containers] = await Promise.all([
      viewWorld(world),
      readLedger(world),
      linkChanges(world),
      world.containers(),
    ])
    return [
      ...notRunning(containers).map(deadWords),
      ...(movedOnPurpose ? missingForWhole(view) : missingForFresh(view, loaded.runbook.topology.home)),
      ...ledger.map((entry) => `fault ${entry.id} is in the ledger`),
      ...links.map((change) => `link change ${change.id} is in force`),
    ]
  }
  const isHealed = run.steps.faults.every(({ healedNs, outside }) => outside || healedNs !== null)
  const missing = await until(look, isHealed ? wholeWithinMs : 0, run.signal, note)
  return equalsFresh(missing, run.steps.faults)
}
