// What the harness itself has to tell: the drill under way, and the drills that lie in the folder of drills.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { type Incident, incidentCauses, type Journal, verdicts } from '#protocol/journal.ts'
import type { LiveDrill } from '#protocol/live-drill.ts'
import { gauge, gauges } from '#runtime/metrics.ts'
import { readJournal } from '../report/past-drill.ts'

export interface PastDrill {
  readonly journal: Journal
  readonly endedMs: number
}

/** More would be a label's values without end. */
const mostIncidents = 50
const operationStates = ['planned', 'collected', 'missing', 'repeated', 'late', 'shed'] as const

const known = new Map<string, PastDrill>()

/** Drills with a journal of this version, the oldest first. A journal never changes but as a whole, so each is read once. */
export async function readPastDrills(drillsFolder: string): Promise<readonly PastDrill[]> {
  const names = await readdir(drillsFolder).catch(() => [])
  const found: PastDrill[] = []
  for (const name of names.filter((each) => each !== 'latest')) {
    const drill = await readPastDrill(join(drillsFolder, name))
    if (drill !== null) found.push(drill)
  }
  return found.toSorted((left, right) => left.endedMs - right.endedMs)
}

async function readPastDrill(folder: string): Promise<PastDrill | null> {
  try {
    const { mtimeMs } = await stat(join(folder, 'journal.json'))
    const seen = known.get(folder)
    if (seen?.endedMs === mtimeMs) return seen
    const drill = { journal: await readJournal(folder), endedMs: mtimeMs }
    known.set(folder, drill)
    return drill
  } catch {
    // No drill, or one of another version.
    return null
  }
}

export function createDrillMetrics(drills: readonly PastDrill[], live: LiveDrill | null): Registry {
  const registry = new Registry()
  const last = drills.at(-1) ?? null
  describeLive(registry, live)
  gauges(registry, {
    name: 'firedrill_drills',
    help: 'Drills in the folder of drills, by verdict.',
    labels: ['verdict'],
    values: () =>
      verdicts.map((verdict) => [{ verdict }, drills.filter(({ journal }) => journal.verdict === verdict).length]),
  })
  gauge(
    registry,
    'firedrill_drill_last_ended_timestamp_seconds',
    'When the last drill ended.',
    () => last && last.endedMs / 1000,
  )
  gauges(registry, {
    name: 'firedrill_drill_last_verdict',
    help: 'Verdict of the last drill: 1 for the one it has, with the name of its runbook.',
    labels: ['runbook', 'verdict'],
    values: () =>
      last === null
        ? []
        : verdicts.map((verdict) => [
            { runbook: last.journal.runbook, verdict },
            Number(verdict === last.journal.verdict),
          ]),
  })
  if (last !== null) {
    describeFigures(registry, last.journal)
    describeIncidents(registry, last.journal)
    describeCollection(registry, last.journal)
  }
  return registry
}

/** A figure that is unknown is absent, never zero. */
function seconds(
  labelled: Readonly<Record<string, number | null | undefined>>,
): readonly (readonly [string, number])[] {
  return Object.entries(labelled).flatMap(([label, ms]) => (ms == null ? [] : [[label, ms / 1000] as const]))
}

function describeFigures(registry: Registry, { rto, outage, rpo }: Journal): void {
  const one = (name: string, help: string, ms: number | null): void =>
    gauge(registry, name, help, () => (ms === null ? null : ms / 1000))
  one('firedrill_drill_last_rto_seconds', 'RTO of the last drill: until service was restored.', rto.restoredMs)
  one('firedrill_drill_last_first_write_seconds', 'RTO of the last drill: until the first write.', rto.firstWriteMs)
  one('firedrill_drill_last_outage_seconds', 'Longest gap without an ack in the last drill.', outage.longestMs)
  one(
    'firedrill_drill_last_rto_resolution_seconds',
    'How far the RTO of the last drill may be from the truth either way.',
    rto.resolutionMs,
  )
  one(
    'firedrill_drill_last_still_out_seconds',
    'So long after t0 the load of the last drill ended, with service not back; absent if it was.',
    rto.stillOutMs,
  )
  gauges(registry, {
    name: 'firedrill_drill_last_area_rto_seconds',
    help: 'RTO of the last drill by client area: until service was restored there.',
    labels: ['area'],
    values: () =>
      seconds(Object.fromEntries(Object.entries(rto.areas).map(([area, each]) => [area, each.restoredMs]))).map(
        ([area, value]) => [{ area }, value],
      ),
  })
  gauges(registry, {
    name: 'firedrill_drill_last_phase_seconds',
    help: 'Phases of the last drill: detect, decide, fence, promote, steer, recover; together they are the RTO.',
    labels: ['phase'],
    values: () => seconds(rto.phases).map(([phase, value]) => [{ phase: phase.replace(/Ms$/, '') }, value]),
  })
  const stores = Object.entries(rpo)
  gauges(registry, {
    name: 'firedrill_drill_last_rpo_seconds',
    help: 'RPO of the last drill: the largest window of lost writes of any incident, by store.',
    labels: ['store'],
    values: () =>
      seconds(Object.fromEntries(stores.map(([store, loss]) => [store, loss.windowMs]))).map(([store, value]) => [
        { store },
        value,
      ]),
  })
  gauges(registry, {
    name: 'firedrill_drill_last_lost_items',
    help: 'Acked writes that were gone after the last drill, by store.',
    labels: ['store'],
    values: () =>
      stores.flatMap(([store, loss]) => (loss.lostCount === null ? [] : [[{ store }, loss.lostCount] as const])),
  })
}

/** The worst one is the RTO of the drill. */
function describeIncidents(registry: Registry, { incidents }: Journal): void {
  const labels = ['incident', 'cause'] as const
  const each = (
    of: (incident: Incident) => number | null,
  ): readonly (readonly [Readonly<Record<(typeof labels)[number], string>>, number])[] =>
    incidents.slice(0, mostIncidents).flatMap((incident) => {
      const ms = of(incident)
      return ms === null ? [] : [[{ incident: incident.id, cause: incident.cause }, ms / 1000] as const]
    })
  gauges(registry, {
    name: 'firedrill_drill_last_incidents',
    help: 'Incidents of the last drill, by cause.',
    labels: ['cause'],
    values: () => incidentCauses.map((cause) => [{ cause }, incidents.filter((one) => one.cause === cause).length]),
  })
  gauges(registry, {
    name: 'firedrill_drill_last_incident_rto_seconds',
    help: 'RTO of each incident of the last drill: until service was restored; the first 50.',
    labels,
    values: () => each(({ restoredMs }) => restoredMs),
  })
  gauges(registry, {
    name: 'firedrill_drill_last_incident_outage_seconds',
    help: 'Longest gap without an ack in each incident of the last drill; the first 50.',
    labels,
    values: () => each(({ longestGapMs }) => longestGapMs),
  })
}

function describeCollection(registry: Registry, { collection, unknown }: Journal): void {
  gauge(
    registry,
    'firedrill_drill_last_unknown_figures',
    'Figures of the last drill that are unknown, each with a reason in its journal.',
    () => Object.keys(unknown).length,
  )
  gauges(registry, {
    name: 'firedrill_drill_last_operations',
    help: 'Operations of the last drill by client area: planned, collected, missing, collected twice, started late or shed by the client.',
    labels: ['area', 'state'],
    values: () =>
      Object.entries(collection).flatMap(([area, each]) =>
        operationStates.map((state) => [{ area, state }, each[state]] as const),
      ),
  })
}

function describeLive(registry: Registry, live: LiveDrill | null): void {
  const running = live !== null && live.state !== 'ended' ? live : null
  const at = running?.steps.findIndex((each) => each.state === 'running') ?? -1
  gauge(registry, 'firedrill_drill_running', '1 while a drill runs in this world.', () => Number(running !== null))
  gauge(registry, 'firedrill_drill_steps', 'Steps of the drill that runs.', () => running?.steps.length ?? null)
  gauges(registry, {
    name: 'firedrill_drill_step',
    help: 'Number of the step under way, from 1, with its kind; absent between steps.',
    labels: ['kind'],
    values: () => {
      const step = running?.steps[at]
      return step === undefined ? [] : [[{ kind: step.kind }, at + 1]]
    },
  })
}
