// Suspicion: who looks dead or unwell from here. Fast, and allowed to be wrong; safety never rests on it.
import type { Region } from '#protocol/sites.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import { timings } from './settings.ts'
import type { AgentView, State, Suspicion } from './state.ts'

/** How long the agent of `region` was not heard, ms. Never heard counts from the end of the startup grace. */
export function agentSilenceMs(state: State, region: Region, now: number): number {
  return now - (state.agents[region]?.heardMs ?? state.startedMs + timings.startupGraceMs)
}

export function controllerSilenceMs(state: State, region: Region, now: number): number {
  if (region === state.settings.region) return 0
  return now - (state.controllers[region]?.heardMs ?? state.startedMs + timings.startupGraceMs)
}

/**
 * Up to when a loss is measured: now, or, if the old primary's agent is silent, when it was
 * last heard. By the silence itself the loss window would grow, though nobody lags more.
 */
export function suspectableMs(state: State, region: Region | null, now: number): number {
  const silence = region === null ? 0 : agentSilenceMs(state, region, now)
  return silence > timings.heardMs ? now - silence : now
}

/** What this controller suspects of the region that writes now, by the rules of ARCHITECTURE; null if nothing. */
export function suspect(state: State, now: number): Suspicion | null {
  const record = state.record?.record ?? null
  if (record === null || state.move !== null) return null
  if (record.state === 'claimed' || record.primary === null) return suspectOwner(state, record, now)
  const primary = record.primary
  return (
    suspectSilence(state, primary, now) ??
    suspectPostgres(state, primary, record.epoch, now) ??
    suspectOwner(state, record, now) ??
    suspectUnwell(state, primary, now)
  )
}

function suspectSilence(state: State, primary: Region, now: number): Suspicion | null {
  const agent = agentSilenceMs(state, primary, now) - state.lateMs
  const controller = controllerSilenceMs(state, primary, now) - state.lateMs
  if (agent > timings.witnessMs && controller > timings.witnessMs) {
    const shortest = Math.round(Math.min(agent, controller))
    const why = `neither controller nor agent of ${primary} was heard for ${shortest} ms`
    return { region: primary, why, rule: 'region-silent', hard: false }
  }
  if (agent > timings.agentSilentMs) {
    const why = `the agent of ${primary} was not heard for ${Math.round(agent)} ms`
    return { region: primary, why, rule: 'agent-silent', hard: false }
  }
  return null
}

function suspectPostgres(state: State, primary: Region, epoch: number, now: number): Suspicion | null {
  const view = state.agents[primary]
  if (view === undefined || view.status.promised > epoch) return null
  const { status } = view
  const down = status.state === 'crashed' || status.state === 'stopped'
  if (down || deposed(view, now)) {
    const why = `the agent of ${primary} says that its Postgres is ${status.state}`
    return { region: primary, why, rule: 'postgres-down', hard: true }
  }
  return null
}

function deposed(view: AgentView, now: number): boolean {
  return view.notPrimarySinceMs !== null && now - view.notPrimarySinceMs > timings.deposedMs
}

/** The owner of the epoch is gone, or runs without holding it (it restarted: no amnesia). */
function suspectOwner(state: State, record: EpochRecord, now: number): Suspicion | null {
  const { owner } = record
  if (owner === state.settings.region) {
    if (state.hold !== null || state.move !== null) return null
    const why = `epoch ${record.epoch} was taken by an earlier run of this controller`
    return { region: owner, why, rule: 'orphan', hard: true }
  }
  const silence = controllerSilenceMs(state, owner, now) - state.lateMs
  if (silence > timings.controllerSilentMs) {
    const why = `the controller of ${owner}, which owns epoch ${record.epoch}, was not heard for ${Math.round(silence)} ms`
    return { region: owner, why, rule: 'controller-silent', hard: false }
  }
  const view = state.controllers[owner]
  if (view === undefined) return null
  const dropped =
    view.beat.incarnation === record.incarnation && view.beat.epoch === record.epoch && !view.beat.holdsEpoch
  if (view.beat.incarnation !== record.incarnation || dropped) {
    const why = `the controller of ${owner} runs, but does not hold epoch ${record.epoch} in this run`
    return { region: owner, why, rule: 'orphan', hard: true }
  }
  return null
}

function suspectUnwell(state: State, primary: Region, now: number): Suspicion | null {
  const since = state.agents[primary]?.unresponsiveSinceMs ?? null
  if (since !== null && now - since - state.lateMs > timings.unwellMs) {
    const why = `Postgres of ${primary} has not answered its agent for ${Math.round(now - since)} ms`
    return { region: primary, why, rule: 'unwell', hard: false }
  }
  const appDown = state.controllers[primary]?.appDownSinceMs ?? null
  if (appDown !== null && state.local.app && now - appDown - state.lateMs > timings.unwellMs) {
    const why = `the app of ${primary} has not been alive for ${Math.round(now - appDown)} ms`
    return { region: primary, why, rule: 'unwell', hard: false }
  }
  return null
}
