// Every metric that any process tells, with an example value of each: made by the code itself, without containers.
import type { Registry } from 'prom-client'
import { createDrillMetrics } from '#gameday/metrics/drills.ts'
import { createScrapeMetrics } from '#gameday/metrics/world-metrics.ts'
import { goodRecord } from '#gameday/measure/histories.ts'
import { measure } from '#gameday/measure/measure.ts'
import { threeIncidents } from '#gameday/report/planted-journals.ts'
import { createAgentMetrics } from '#orchestrator/agent/metrics.ts'
import { ControllerMetrics } from '#orchestrator/controller/metrics.ts'
import type { AgentStatus } from '#protocol/agent.ts'
import type { BusReply } from '#protocol/bus.ts'
import type { ControllerStatus } from '#protocol/controller.ts'
import type { LiveDrill } from '#protocol/live-drill.ts'
import { createMetrics } from '#services/app/metrics.ts'
import { createClientMetrics } from '#services/client/metrics.ts'
import { createOperationLog } from '#services/client/operation-log.ts'
import { createWanMetrics } from '#services/wan/metrics.ts'

export interface Described {
  readonly type: string
  readonly help: string
  /** The labels that its samples carry, the bounds of buckets aside. */
  readonly labels: readonly string[]
}

export async function everyMetric(): Promise<ReadonlyMap<string, Described>> {
  const found = new Map<string, Described>()
  const registries = [app(), controller(), agent(), wan(), client(), drills(), scrapes()]
  for (const registry of registries)
    for (const each of await registry.getMetricsAsJSON()) {
      const labels = new Set(each.values.flatMap((value) => Object.keys(value.labels)))
      labels.delete('le')
      // As Prometheus' text names it.
      found.set(each.name, { type: String(each.type), help: each.help, labels: [...labels] })
    }
  return found
}

function app(): Registry {
  const bus: BusReply = {
    region: 'a',
    projection: { delivered: 1, duplicates: 0, refused: 0, applied: 1, distinct: 1 },
    relay: { active: true, sent: 1, unconfirmed: 0, behindMs: 0, done: 1 },
  }
  const metrics = createMetrics({
    bus: () => Promise.resolve(bus),
    epoch: () => 1,
    ready: () => true,
  })
  metrics.writes.inc({ outcome: 'ok' })
  metrics.reads.inc({ source: 'redis' })
  metrics.writeSeconds.observe(0.1)
  return metrics.registry
}

export const controllerStatus: ControllerStatus = {
  region: 'b',
  incarnation: 'b1',
  epoch: { epoch: 2, owner: 'b', incarnation: 'b1', state: 'active', primary: 'b', previous: 'a', history: [] },
  holdsEpoch: true,
  etcd: { reachable: true, leader: 'c' },
  suspects: [{ region: 'a', why: 'silent' }],
  agents: [],
  busy: null,
}

function controller(): Registry {
  const metrics = new ControllerMetrics(() => ({ status: controllerStatus, epochHeld: 2, lateMs: 12 }))
  metrics.attempted('failover')
  for (const [index, kind] of ['suspect', 'epoch-taken', 'fenced', 'promoted', 'steered'].entries())
    metrics.announced({ kind, reason: kind, detail: { region: 'a' } }, index * 100)
  return metrics.registry
}

export const agentStatus: AgentStatus = {
  region: 'a',
  incarnation: 'a1',
  state: 'primary',
  promised: 2,
  whole: true,
  position: { epoch: 2, lsn: '0/2000' },
  history: [{ epoch: 2, startLsn: '0/1000' }],
  following: null,
  streaming: false,
  epochCommitted: true,
  followers: [{ region: 'b', flushLsn: '0/1F00' }],
  responsive: true,
  systemIdentifier: '1',
}

function agent(): Registry {
  const metrics = createAgentMetrics(() => agentStatus)
  metrics.order('promise')('obeyed')
  return metrics.registry
}

function wan(): Registry {
  const link = { from: 'a', to: 'b', class: 'postgres' } as const
  const setting = { up: true, delayMs: 40, jitter: 0, loss: 0.1, reorder: 0, bandwidthBps: 0 }
  return createWanMetrics({
    counters: () => ({ atNs: '0', links: [{ ...link, packets: 3, bytes: 300, dropped: 1, reordered: 1 }] }),
    links: () => ({ atNs: '0', sinceNs: '0', ended: [], layers: [], fenced: [], effective: [{ ...link, ...setting }] }),
    fence: () => ({
      atNs: '0',
      broken: 'silent',
      brokenBy: null,
      ended: [],
      dataSets: [{ dataSet: 'orders', epoch: 2, fenced: ['a'] }],
    }),
    ledger: () => [
      { id: 'x', drill: 'd', kind: 'pause', target: 'app.a', detail: {}, injectedNs: '0', expiresNs: '1' },
    ],
  })
}

function client(): Registry {
  const metrics = createClientMetrics(() => ({ running: true, planned: 1, inFlight: 1, done: 0 }))
  const [operation] = goodRecord().operations
  if (operation !== undefined) metrics.counting(createOperationLog()).append(operation)
  return metrics.registry
}

function drills(): Registry {
  const live: LiveDrill = {
    drill: 'd',
    folder: '/d',
    runbook: 'region-loss',
    title: 'Lose the primary region',
    pid: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    steps: [{ title: 'hold', kind: 'hold', state: 'running', note: null, startedMs: 0, endedMs: null }],
    approval: null,
    verdict: null,
    interruption: null,
  }
  const { incidents, collection } = threeIncidents()
  return createDrillMetrics([{ journal: { ...measure(goodRecord()), incidents, collection }, endedMs: 1000 }], live)
}

function scrapes(): Registry {
  return createScrapeMetrics([{ service: 'app', site: 'a', text: null }])
}
