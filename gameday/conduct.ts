// The part of a drill that is under load: the method, stop loss beside it, the rollback, and the end of everything that was begun.
import type { Check } from '#protocol/journal.ts'
import type { Runbook } from '#protocol/runbook.ts'
import type { RunningWorld } from '#world/running-world.ts'
import type { LoadPlan } from '#protocol/operation.ts'
import type { Area } from '#protocol/sites.ts'
import { plannedBefore } from '#runtime/arrivals.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { AreaLoads, Collector } from './collector.ts'
import type { LiveDrillFile } from './live-drill.ts'
import { planFor, startLoad } from './load.ts'
import type { DrillRecord } from './measure/record.ts'
import type { Progress } from './progress.ts'
import { StepFailed, type Steps } from './steps.ts'
import type { StopLoss } from './stop-loss.ts'
import { Interrupted } from './wait.ts'

/** Every client hears in time of the beginning, and of the end. */
const beginsInNs = 300_000_000n
const endsInNs = 500_000_000n

export interface Conducted {
  readonly options: {
    readonly world: RunningWorld
    readonly loaded: { readonly runbook: Runbook }
    readonly progress: Progress
    readonly seed: number
    /** Aborted once somebody else has the world: what there is in it may be his by then. */
    readonly lost?: AbortSignal | undefined
  }
  readonly drill: string
  readonly collector: Collector
  readonly steps: Steps
  readonly stopLoss: StopLoss
  readonly live: LiveDrillFile
  /** Filled in once it is known. */
  readonly load: { beganNs: bigint }
}

export interface Conduct {
  readonly load: DrillRecord['load']
  readonly checks: readonly Check[]
  readonly interruption: string | null
}

/** Whatever happens on the way: the rollback is run, the faults are healed and the load is ended, unless the world is somebody else's. */
export async function conduct(run: Conducted): Promise<Conduct> {
  const { options, drill, collector, steps, stopLoss, live } = run
  const { world, loaded, progress, seed } = options
  const { load } = loaded.runbook
  const checks: Check[] = []
  let interruption: string | null = null
  let plan: LoadPlan | null = null
  let ended: DrillRecord['load'] = null
  try {
    await steps.startWatching()
    const fromNs = (await collector.clock.ask()) + beginsInNs
    plan = planFor(loaded.runbook, drill, seed, fromNs)
    collector.loadBegins(drill, fromNs)
    await startLoad(world, load.from, plan)
    run.load.beganNs = fromNs
    await collector.note('load', `${load.rate} operations per second from ${load.from.join(', ')}, seed ${seed}`)
    stopLoss.start()
    await steps.method()
  } catch (error) {
    interruption = whyEnded(error)
  } finally {
    await stopLoss.stop()
    live.rollingBack()
    checks.push(...stopLoss.checks(), ...(await rollBack(run)))
    await progress.step('Heal and end the load', async (note) => {
      if (options.lost?.aborted === true) {
        ended = await leaveLoad(collector, plan, load.from)
        return note('left as it is: somebody else has the world')
      }
      const resisting = await steps.healRest(note)
      if (resisting.length > 0) interruption = [interruption, ...resisting].filter((each) => each !== null).join('; ')
      await steps.ordersAnswered()
      ended = await endLoad(collector, plan)
      for (const each of Object.values(ended?.areas ?? {})) if (each.reason !== null) note(each.reason)
    })
    checks.push(await steps.stopWatching())
    live.checking()
  }
  return { load: ended, checks, interruption }
}

/** Ends the load at one instant, the same for every area. Without a plan only the collecting ends. */
async function endLoad(collector: Collector, plan: LoadPlan | null): Promise<DrillRecord['load']> {
  if (plan === null) {
    await collector.finish(null)
    return null
  }
  const fromNs = BigInt(plan.startNs)
  const { atNs, errorNs } = await collector.clock.now()
  const toNs = atNs + endsInNs
  if (errorNs > 0n) await collector.note('clock-lost', "the gateway is gone: the load ends by the harness's own clock")
  const areas: AreaLoads = await collector.finish({ plan, untilNs: toNs })
  return { fromNs, toNs, areas }
}

/** The load runs on in somebody else's hands: what was not collected by now is missing. */
async function leaveLoad(
  collector: Collector,
  plan: LoadPlan | null,
  from: readonly Area[],
): Promise<DrillRecord['load']> {
  await collector.finish(null)
  if (plan === null) return null
  const { atNs: toNs } = await collector.clock.now()
  const left = (area: Area) => ({
    planned: plannedBefore(plan, area, toNs),
    sent: null,
    reason: 'somebody else has the world',
  })
  const areas = Object.fromEntries(from.map((area) => [area, left(area)]))
  return { fromNs: BigInt(plan.startNs), toNs, areas }
}

/** Always runs, and says whether all of it was done. */
async function rollBack({ options, collector, steps }: Conducted): Promise<readonly Check[]> {
  const { rollback } = options.loaded.runbook
  if (rollback.length === 0 || options.lost?.aborted === true) return []
  // The clock may be what is broken.
  await collector.note('rollback', `${rollback.length} steps`).catch(() => {})
  const failures = await steps.rollback()
  const name = 'rollback'
  if (failures.length === 0) return [{ name, status: 'pass', reason: `all ${rollback.length} steps were done` }]
  await collector.note('rollback-failed', failures.join('; ')).catch(() => {})
  return [{ name, status: 'fail', reason: failures.join('; ') }]
}

export function whyEnded(error: unknown): string {
  const message = messageOf(error)
  return error instanceof Interrupted || error instanceof StepFailed ? message : `the drill broke: ${message}`
}
