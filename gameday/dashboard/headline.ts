// The one sentence that is read from across the room: pure.
import { regions, type Region } from '#protocol/sites.ts'
import type { DashboardState } from './model/state.ts'

type Seen = Omit<DashboardState, 'headline'>
type Headline = DashboardState['headline']

/** Lag below this is what goes on all the time. */
const smallLagBytes = 1_048_576

export function headlineOf(state: Seen): Headline {
  if (state.unreachable !== null) return { tone: 'trouble', text: 'The WAN does not answer', detail: state.unreachable }
  const { epoch } = state
  if (epoch === null) return { tone: 'unknown', text: 'Nobody is primary', detail: 'no controller knows of an epoch' }
  const moving = regions.find((region) => state.regions[region].controller.busy !== null)
  if (moving !== undefined || epoch.state !== 'active') {
    const move = (moving === undefined ? null : state.regions[moving].controller.busy) ?? 'move'
    const detail =
      moving === undefined
        ? `epoch ${epoch.number} is claimed`
        : `by controller ${moving.toUpperCase()}, epoch ${epoch.number}`
    return { tone: 'moving', text: `A ${move} is under way`, detail }
  }
  const primary = epoch.primary
  const troubles = troublesOf(state, primary)
  const where = primary === null ? 'Nobody is primary' : `Region ${primary.toUpperCase()} is primary`
  const text = primary === state.topology.home || primary === null ? where : `${where}, away from home`
  if (troubles.length > 0) return { tone: 'trouble', text, detail: troubles.join(' · ') }
  return { tone: 'calm', text, detail: 'all three regions serve, nothing is broken' }
}

function troublesOf(state: Seen, primary: Region | null): readonly string[] {
  const faults = Object.values(state.faults).filter((each) => each.healedMs === null)
  const [first] = faults
  const broken =
    first === undefined
      ? []
      : [faults.length === 1 ? `${first.kind} of ${first.target}` : `${faults.length} faults are in force`]
  const writes =
    primary !== null && state.regions[primary].app.writes === 'not-ready'
      ? [`no writes: ${state.regions[primary].app.why ?? 'not ready'}`]
      : []
  return [...broken, ...writes, ...regions.flatMap((region) => regionTroubles(state, region, primary))]
}

function regionTroubles(state: Seen, region: Region, primary: Region | null): readonly string[] {
  const name = region.toUpperCase()
  const { containers, postgres, controller, fenced } = state.regions[region]
  const stopped = containers.filter((each) => each.state !== 'running')
  if (containers.length > 0 && stopped.length === containers.length) return [`region ${name} is dark`]
  const lag = postgres.lagBytes ?? 0
  return [
    ...(fenced ? [`${name} is fenced off`] : []),
    ...(stopped.length > 0
      ? [`${stopped.map((each) => `${each.service}.${region}`).join(', ')} ${stopped[0]?.state ?? 'down'}`]
      : []),
    ...(controller.etcd === 'unreachable' ? [`${name} is without etcd`] : []),
    ...(region !== primary && postgres.answers && postgres.following === null ? [`${name} follows nobody`] : []),
    ...(lag > smallLagBytes ? [`${name} lags ${(lag / 1_048_576).toFixed(1)} MiB`] : []),
  ]
}
