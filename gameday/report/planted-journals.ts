// Journals for tests with what a good drill lacks: several incidents, unknown figures, missing operations, a fault that ended early.
import { noPhases, type AreaCollection, type Incident, type Journal } from '#protocol/journal.ts'
import { goodRecord, ns, t0Ms } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'

const none = { lostCount: 0, windowMs: 0 }

/** Restored after a second, nothing lost. */
export function incidentOf(id: string, atMs: number, more: Partial<Incident> = {}): Incident {
  return {
    id,
    cause: 'fault',
    title: 'power-loss of region a',
    t0: { ns: ns(atMs), widthMs: 0 },
    untilNs: ns(30_000),
    firstWriteMs: 1050,
    firstWriteResolutionMs: 100,
    restoredMs: 1000,
    resolutionMs: 50,
    stillOutMs: null,
    areas: { na: { firstWriteMs: 1050, restoredMs: 1000, resolutionMs: 50, stillOutMs: null } },
    phases: noPhases,
    longestGapMs: 1100,
    longestGapResolutionMs: 100,
    longestGapOpen: false,
    failed: 30,
    rpo: { postgres: none, kafka: none, redis: none },
    splitBrain: { count: 0, ms: 0 },
    ...more,
  }
}

export function collected(planned: number, more: Partial<AreaCollection> = {}): AreaCollection {
  const all = { planned, sent: planned, collected: planned, missing: 0, repeated: 0, outside: 0, late: 0, shed: 0 }
  return { ...all, spans: [], reason: null, ...more }
}

/** With the figures of one of the incidents, the worst, as the drill's own. */
export function withIncidents(incidents: readonly Incident[], worst: string, more: Partial<Journal> = {}): Journal {
  const good = measure(goodRecord())
  const each = incidents.find(({ id }) => id === worst)
  if (each === undefined) throw new Error(`there is no incident ${worst}`)
  const { areas, phases, firstWriteMs, firstWriteResolutionMs, restoredMs, resolutionMs, stillOutMs } = each
  return {
    ...good,
    t0: incidents[0]?.t0 ?? null,
    rto: {
      incident: worst,
      areas,
      phases,
      firstWriteMs,
      firstWriteResolutionMs,
      restoredMs,
      resolutionMs,
      stillOutMs,
    },
    objectives: good.objectives.map((objective) => ({
      ...objective,
      incidents:
        objective.name === 'rto' ? incidents.map(({ id }) => ({ id, measured: '1.00 s', status: 'met' as const })) : [],
    })),
    incidents: [...incidents],
    collection: { na: collected(300), eu: collected(300), ap: collected(300) },
    ...more,
  }
}

/** Two losses of a region, the second one longer, and a failback. */
export function threeIncidents(more: Partial<Journal> = {}): Journal {
  const { phases } = measure(goodRecord()).rto
  return withIncidents(
    [
      incidentOf('one', t0Ms, { phases, untilNs: ns(12_000) }),
      incidentOf('two', 12_000, { restoredMs: 1900, resolutionMs: 40, longestGapMs: 2000, untilNs: ns(21_900) }),
      incidentOf('failback', 21_900, { cause: 'failback', title: 'fail back to a', restoredMs: 0, failed: 0 }),
    ],
    'two',
    more,
  )
}

/** A client was killed: what its operations could have shown is unknown, by reason. */
export const killed = '160 operations of na are missing'
export function withMissing(): Journal {
  const unknownFigures = {
    'rpo.postgres.lostCount': killed,
    'rpo.kafka.lostCount': killed,
    'rpo.redis.lostCount': killed,
    'splitBrain.count': killed,
    requests: killed,
    'incidents[1].restoredMs': 'operations of na are missing from 7.00 s on',
    'incidents[1].areas.na.restoredMs': 'operations of na are missing from 7.00 s on',
  }
  const gone = { lostCount: null, windowMs: null }
  const unknownArea = { firstWriteMs: 1050, restoredMs: null, resolutionMs: null, stillOutMs: null }
  const journal = withIncidents(
    [
      incidentOf('one', t0Ms),
      incidentOf('two', 12_000, { restoredMs: null, resolutionMs: null, areas: { na: unknownArea } }),
    ],
    'two',
  )
  return {
    ...journal,
    verdict: 'unknown',
    rpo: { ...journal.rpo, postgres: gone, kafka: gone, redis: gone },
    splitBrain: { count: null, ms: null },
    requests: { ok: null, failed: null, unknown: null },
    unknown: unknownFigures,
    atLeast: { 'rpo.postgres.lostCount': 3 },
    collection: {
      na: collected(300, {
        sent: null,
        collected: 140,
        missing: 160,
        late: 4,
        spans: [
          { kind: 'missing', fromNs: ns(12_100), toNs: ns(20_400), count: 160 },
          { kind: 'late', fromNs: ns(11_000), toNs: ns(11_500), count: 4 },
        ],
        reason: 'client.na was restarted',
      }),
      eu: collected(300),
      ap: collected(300),
    },
    faults: journal.faults.map((fault) => ({ ...fault, endedNs: ns(15_000), endedBy: 'its link changes expired' })),
    stalls: [{ part: 'harness', kind: 'stall', fromNs: ns(8000), toNs: ns(10_100), ms: 2100 }],
  }
}

/** Nobody was served any more from the second incident on. */
export function stillOut(): Journal {
  const out = { firstWriteMs: null, restoredMs: null, resolutionMs: null, stillOutMs: 5000 }
  const last = incidentOf('unexplained-1', 25_000, {
    ...out,
    cause: 'unexplained',
    title: 'service broke down',
    areas: { na: out },
  })
  return withIncidents([incidentOf('one', t0Ms), last], 'unexplained-1', {
    verdict: 'fail',
    outage: { longestMs: 5000, resolutionMs: 100, open: true },
  })
}
