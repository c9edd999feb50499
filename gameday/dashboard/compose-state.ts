// From what was seen to what is shown: pure.
import type { AgentStatus } from '#protocol/agent.ts'
import { lsnToBigInt } from '#protocol/epoch.ts'
import type { LinksReply } from '#protocol/wan.ts'
import { areas, regions, sites, type Area, type Region, type Site } from '#protocol/sites.ts'
import { currentEpoch } from '../conditions.ts'
import { headlineOf } from './headline.ts'
import { linkKey } from './model/state.ts'
import type { AreaState, DashboardState, LinkState, RegionState, TimelineEntry } from './model/state.ts'
import { valueOf, type Observed } from './observed.ts'

const shownEvents = 150

function record<Key extends string, Value>(keys: readonly Key[], make: (key: Key) => Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>
}

export function composeState(seen: Observed, nowMs: number): DashboardState {
  const epoch = epochOf(seen)
  const primary = epoch?.state === 'active' ? epoch.primary : null
  const primaryAgent = primary === null ? null : valueOf(seen.agents[primary])
  const state: Omit<DashboardState, 'headline'> = {
    world: seen.world,
    topology: {
      pattern: seen.topology.pattern,
      commit: seen.topology.commit,
      steering: seen.topology.steering,
      home: seen.topology.home,
    },
    unreachable: seen.unreachable,
    epoch,
    regions: record(regions, (region) => regionOf(seen, region, epoch?.primary ?? null, primaryAgent)),
    areas: record(areas, (area) => areaOf(seen, area, nowMs)),
    links: linksOf(seen),
    fenceDevice: valueOf(seen.fence)?.broken ?? 'works',
    faults: faultsOf(seen),
    timeline: timelineOf(seen),
    drill: seen.drill === null ? null : { ...seen.drill, hasReport: seen.drillHasReport, isAlive: seen.drillIsAlive },
    launch: seen.launch,
    guard: seen.guard,
    busyWith: seen.busyWith,
  }
  return { ...state, headline: headlineOf(state) }
}

function epochOf(seen: Observed): DashboardState['epoch'] {
  const controllers = record(regions, (region) => valueOf(seen.controllers[region]))
  const current = currentEpoch({ controllers })
  if (current === null) return null
  const holder = regions.find(
    (region) => controllers[region]?.holdsEpoch === true && controllers[region].epoch?.epoch === current.epoch,
  )
  return {
    number: current.epoch,
    state: current.state,
    primary: current.primary,
    owner: current.owner,
    holder: holder ?? null,
  }
}

function containersOf(seen: Observed, site: Site): RegionState['containers'] {
  return seen.containers
    .filter((each) => each.site === site)
    .map((each) => ({ service: each.service, state: each.state }))
}

function regionOf(
  seen: Observed,
  region: Region,
  primary: Region | null,
  primaryAgent: AgentStatus | null,
): RegionState {
  const app = valueOf(seen.apps[region])
  const why =
    app === null ? null : region === primary && app.writes.status !== 200 ? app.writes.reason : app.reads.reason
  const ready = { 200: 'ready', 203: 'stale' } as const
  return {
    designedRole:
      seen.containers.find((each) => each.site === region && each.service === 'postgres')?.failoverRole ?? null,
    role: primary === null ? 'unknown' : region === primary ? 'primary' : 'standby',
    containers: containersOf(seen, region),
    controller: controllerOf(seen, region),
    postgres: postgresOf(seen, region, primary, primaryAgent),
    app: {
      reads: app === null ? 'unknown' : (ready[app.reads.status as 200 | 203] ?? 'not-ready'),
      writes: app === null ? 'unknown' : app.writes.status === 200 ? 'ready' : 'not-ready',
      why,
      permit: app === null ? 'unknown' : app.isPermitted ? 'valid' : 'none',
    },
    relayBehindMs: app?.relayBehindMs ?? null,
    fenced: valueOf(seen.links)?.fenced.includes(region) ?? false,
  }
}

function controllerOf(seen: Observed, region: Region): RegionState['controller'] {
  const status = valueOf(seen.controllers[region])
  const leader = regions
    .map((each) => valueOf(seen.controllers[each])?.etcd.leader ?? null)
    .find((each) => each !== null)
  const etcd =
    status === null ? 'unknown' : !status.etcd.reachable ? 'unreachable' : leader === region ? 'leader' : 'member'
  return {
    answers: status !== null,
    holdsEpoch: status?.holdsEpoch ?? false,
    busy: status?.busy ?? null,
    etcd,
    suspects: status?.suspects.map((each) => `${each.region}: ${each.why}`) ?? [],
  }
}

function postgresOf(
  seen: Observed,
  region: Region,
  primary: Region | null,
  primaryAgent: AgentStatus | null,
): RegionState['postgres'] {
  const agent = valueOf(seen.agents[region])
  return {
    answers: agent !== null,
    state: agent === null ? 'unknown' : !agent.whole ? 'half made' : !agent.responsive ? 'not responding' : agent.state,
    promised: agent?.promised ?? null,
    following: agent?.streaming === true ? agent.following : null,
    lagBytes: region === primary ? null : lagOf(region, primaryAgent, agent),
  }
}

/** What the primary sees of the standby; else what the standby itself says that it has. */
function lagOf(region: Region, primary: AgentStatus | null, standby: AgentStatus | null): number | null {
  const end = primary?.position?.lsn ?? null
  const flushed = primary?.followers.find((each) => each.region === region)?.flushLsn ?? standby?.position?.lsn ?? null
  if (end === null || flushed === null) return null
  const lag = Number(lsnToBigInt(end) - lsnToBigInt(flushed))
  // The two were asked one after the other.
  return Math.max(0, lag)
}

function areaOf(seen: Observed, area: Area, nowMs: number): AreaState {
  const steering = valueOf(seen.steering[area])
  const series = seen.loads[area]
  const offsetMs = seen.clockOffsetMs
  if (offsetMs === null) return { containers: containersOf(seen, area), writesTo: null, readsTo: null, load: null }
  const view = series.view(BigInt(Math.round((nowMs - offsetMs) * 1e6)))
  const { endSecond, ackedNs, ...figures } = view
  return {
    containers: containersOf(seen, area),
    writesTo: steering?.writes ?? null,
    readsTo: steering?.reads ?? null,
    load: {
      running: series.running,
      inFlight: series.inFlight,
      endSecond: Math.round(endSecond + offsetMs / 1000),
      ...figures,
      ackedAtMs: ackedNs === null ? null : Math.round(Number(ackedNs / 1000n) / 1000 + offsetMs),
    },
  }
}

function linksOf(seen: Observed): DashboardState['links'] {
  const reply = valueOf(seen.links)
  if (reply === null) return {}
  const links: Record<string, LinkState> = {}
  for (const from of sites)
    for (const to of sites) {
      if (from === to) continue
      // What the base itself sets, or its own changes, is what the world is meant to be.
      const isDelayed = reply.layers.some(
        (each) =>
          each.id !== 'base' && each.set.delayMs !== undefined && each.from.includes(from) && each.to.includes(to),
      )
      const classes = reply.effective.filter((each) => each.from === from && each.to === to)
      const isFenced = (reply.fenced as readonly Site[]).some((site) => site === from || site === to)
      links[linkKey(from, to)] = {
        ...conditionOf(classes, isDelayed, isFenced),
        bitsPerSecond: roughly(seen.traffic.get(linkKey(from, to)) ?? 0),
      }
    }
  return links
}

/** Two digits: what changes in the third is noise, and would be sent every second. */
function roughly(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(2))
}

type EffectiveLink = LinksReply['effective'][number]

function conditionOf(
  classes: readonly EffectiveLink[],
  isDelayed: boolean,
  isFenced: boolean,
): Omit<LinkState, 'bitsPerSecond'> {
  const delayMs = Math.max(0, ...classes.map((each) => each.delayMs))
  if (isFenced) return { condition: 'fenced', delayMs, note: 'cut by the fence device' }
  const down = classes.filter((each) => !each.up)
  if (classes.length > 0 && down.length === classes.length) return { condition: 'down', delayMs, note: 'cut' }
  const notes = [
    ...(down.length > 0 ? [`cut for ${down.map((each) => each.class).join(', ')}`] : []),
    ...(isDelayed ? [`delay ${delayMs} ms`] : []),
    ...share('loss', classes, (each) => each.loss),
    ...share('jitter', classes, (each) => each.jitter),
    ...share('reorder', classes, (each) => each.reorder),
    ...slowest(classes),
  ]
  return notes.length === 0
    ? { condition: 'up', delayMs, note: null }
    : { condition: 'degraded', delayMs, note: notes.join(', ') }
}

function share(
  word: string,
  classes: readonly EffectiveLink[],
  value: (each: EffectiveLink) => number,
): readonly string[] {
  const most = Math.max(0, ...classes.map(value))
  return most === 0 ? [] : [`${word} ${Math.round(most * 100)} %`]
}

function slowest(classes: readonly EffectiveLink[]): readonly string[] {
  const limited = classes.map((each) => each.bandwidthBps).filter((each) => each > 0)
  return limited.length === 0 ? [] : [`at most ${formatBits(Math.min(...limited))}`]
}

function formatBits(bits: number): string {
  if (bits >= 1e6) return `${bits / 1e6} Mbit/s`
  return bits >= 1e3 ? `${bits / 1e3} kbit/s` : `${bits} bit/s`
}

function wallMs(seen: Observed, ns: string): number {
  return Math.round(Number(BigInt(ns) / 1000n) / 1000 + (seen.clockOffsetMs ?? 0))
}

function faultsOf(seen: Observed): DashboardState['faults'] {
  return Object.fromEntries(
    [...seen.faults].map(([id, { entry, healedMs }]) => [
      id,
      {
        kind: entry.kind,
        target: entry.target,
        drill: entry.drill,
        sinceMs: wallMs(seen, entry.injectedNs),
        untilMs: wallMs(seen, entry.expiresNs),
        healedMs,
      },
    ]),
  )
}

function timelineOf(seen: Observed): DashboardState['timeline'] {
  const latest = [...seen.events]
    .toSorted(([, left], [, right]) => (BigInt(left.atNs) < BigInt(right.atNs) ? -1 : 1))
    .slice(-shownEvents)
  return Object.fromEntries(
    latest.map(([key, event]): [string, TimelineEntry] => [
      key,
      {
        atMs: wallMs(seen, event.atNs),
        source: event.source,
        site: event.site,
        kind: event.kind,
        epoch: event.epoch ?? null,
        reason: event.reason,
      },
    ]),
  )
}
