// Who acts on a suspicion, and when: witnesses, the order of candidates, hold-downs.
import type { Region } from '#protocol/sites.ts'
import { agentSilenceMs, controllerSilenceMs } from './health.ts'
import { majorityOf, type Settings, timings } from './settings.ts'
import type { State, Suspicion } from './state.ts'

type Held = NonNullable<State['suspicion']>

/** Home first, then the others. */
export function order({ home, regions }: Settings): readonly Region[] {
  return [home, ...regions.filter((each) => each !== home)]
}

/**
 * Candidates for a failover away from `old`: home first, then the others; the suspected region's own controller comes last, since
 * it would do everything over the WAN.
 */
export function candidates(settings: Settings, old: Region | null): readonly Region[] {
  const all = order(settings)
  return old === null ? all : [...all.filter((each) => each !== old), old]
}

function heard(state: State, region: Region, now: number): boolean {
  return controllerSilenceMs(state, region, now) <= timings.heardMs
}

function suspects(state: State, region: Region, suspicion: Suspicion): boolean {
  if (region === state.settings.region) return true
  return state.controllers[region]?.beat.suspects.some((each) => each.region === suspicion.region) ?? false
}

/** Regions, this one included, whose controllers are heard and suspect the same. */
export function witnesses(state: State, suspicion: Suspicion, now: number): readonly Region[] {
  return state.settings.regions.filter((each) => heard(state, each, now) && suspects(state, each, suspicion))
}

/** How many candidates stand before this controller: they are heard, could act, and will have seen the same. */
export function rank(state: State, suspicion: Suspicion, now: number): number {
  const self = state.settings.region
  const sequence = rankOrder(state, suspicion)
  const before = sequence.slice(0, sequence.indexOf(self))
  return before.filter((each) => {
    if (!heard(state, each, now)) return false
    // A restarted owner will repair this itself as soon as it can read etcd.
    if (suspicion.rule === 'orphan') return true
    if (!(state.controllers[each]?.beat.etcdReachable ?? false)) return false
    return suspicion.hard || suspects(state, each, suspicion)
  }).length
}

function rankOrder(state: State, suspicion: Suspicion): readonly Region[] {
  const { settings } = state
  if (suspicion.rule !== 'orphan') return candidates(settings, suspicion.region)
  return [suspicion.region, ...order(settings).filter((each) => each !== suspicion.region)]
}

/** Whether this controller may start a move for its suspicion now. */
export function mayAct(state: State, now: number): boolean {
  const { suspicion } = state
  if (suspicion === null || !state.etcdReachable) return false
  if (now < state.notBeforeMs || now - suspicion.sinceMs < holdDownLeft(state, suspicion)) return false
  if (!suspicion.hard && witnesses(state, suspicion, now).length < majorityOf(state.settings.regions.length))
    return false
  const position = rank(state, suspicion, now)
  const step = suspicion.rule === 'orphan' ? timings.orphanMs : timings.staggerMs
  const patienceMs = suspicion.rule === 'region-silent' ? timings.silentMs - timings.witnessMs : 0
  return now - suspicion.sinceMs >= patienceMs + position * step
}

/** Rest of the hold-down at the time of the suspicion. Hard facts are acted on at once. */
function holdDownLeft(state: State, suspicion: Held): number {
  if (suspicion.hard || state.activeSinceMs === null) return 0
  const hold = suspicion.rule === 'region-silent' ? timings.holdDownMs : timings.softHoldDownMs
  return Math.max(0, state.activeSinceMs + hold - suspicion.sinceMs)
}

/** Regions that could lead a failover away from `primary` now, the first candidate first. */
export function ableCandidates(state: State, primary: Region, now: number): readonly Region[] {
  return candidates(state.settings, primary).filter((each) => {
    if (each === primary) return false
    if (agentSilenceMs(state, each, now) > timings.heardMs) return false
    if (each === state.settings.region) return state.etcdReachable
    return heard(state, each, now) && (state.controllers[each]?.beat.etcdReachable ?? false)
  })
}

/** First start: home at once, the others later, once a majority of nodes waits as whole standbys. */
export function mayStartFirst(state: State, now: number): boolean {
  const since = state.standbyReadySinceMs
  if (since === null || now < state.notBeforeMs || !state.etcdReachable) return false
  const position = order(state.settings).indexOf(state.settings.region)
  return now - since >= position * timings.firstStartStaggerMs
}

export function standbyReadyCount(state: State, now: number): number {
  return state.settings.regions.filter((each) => {
    const view = state.agents[each]
    return (
      view !== undefined &&
      now - view.heardMs <= timings.heardMs &&
      view.status.state === 'standby' &&
      view.status.whole
    )
  }).length
}
