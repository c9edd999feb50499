// What GET /metrics tells.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { BusReply } from '#protocol/bus.ts'

export interface Metrics {
  readonly registry: Registry
  readonly writes: Counter<'outcome'>
  readonly reads: Counter<'source'>
  readonly writeSeconds: Histogram
}

/** @param sources asked at each scrape */
export function createMetrics(sources: {
  readonly bus: () => Promise<BusReply>
  readonly epoch: () => number
  readonly ready: () => boolean
}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string, value: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(value()) })
  }
  gauge('firedrill_epoch', 'The highest epoch that the app was told of.', sources.epoch)
  gauge('firedrill_ready_for_writes', '1 if /readyz?for=writes answers 200.', () => Number(sources.ready()))
  const events: Gauge<'state'> = new Gauge({
    name: 'firedrill_events',
    help: 'Events by what became of them in this region: the consumer (delivered, duplicates, refused, applied, distinct) and the relay (sent, unconfirmed, done).',
    labelNames: ['state'],
    registers,
    collect: async () => {
      const { projection, relay } = await sources.bus()
      const { sent, unconfirmed, done } = relay
      for (const [state, value] of Object.entries({ ...projection, sent, unconfirmed, done }))
        events.set({ state }, value)
    },
  })
  return {
    registry,
    writes: new Counter({
      name: 'firedrill_writes_total',
      help: 'Writes by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    reads: new Counter({ name: 'firedrill_reads_total', help: 'Reads by source.', labelNames: ['source'], registers }),
    writeSeconds: new Histogram({
      name: 'firedrill_write_seconds',
      help: 'Time to answer a write.',
      buckets: [0.05, 0.1, 0.2, 0.5, 1, 2.5],
      registers,
    }),
  }
}
