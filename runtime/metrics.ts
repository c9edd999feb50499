// Metrics of one process in Prometheus' text format: families whose values are read at a scrape, and the route that tells them.
import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, type Registry } from 'prom-client'

export interface Family<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
  /** Asked at each scrape and never in between: counting costs a process no more than its own numbers. */
  readonly values: () => readonly (readonly [labels: Readonly<Record<Label, string>>, value: number])[]
}

/** Values that go up and down. One that is no longer told is gone. */
export function gauges<Label extends string>(registry: Registry, family: Family<Label>): void {
  const made: Gauge<Label> = new Gauge({
    name: family.name,
    help: family.help,
    labelNames: [...family.labels],
    registers: [registry],
    collect: () => {
      made.reset()
      // A reset makes a gauge without labels zero, and what is not known is no zero.
      if (family.labels.length === 0) made.remove()
      for (const [labels, value] of family.values()) made.set(labels, value)
    },
  })
}

/** Values that only grow while the process lives, counted elsewhere. */
export function counters<Label extends string>(registry: Registry, family: Family<Label>): void {
  const made: Counter<Label> = new Counter({
    name: family.name,
    help: family.help,
    labelNames: [...family.labels],
    registers: [registry],
    collect: () => {
      made.reset()
      for (const [labels, value] of family.values()) made.inc(labels, value)
    },
  })
}

/** One gauge without labels; null: not known now. */
export function gauge(registry: Registry, name: string, help: string, value: () => number | null): void {
  gauges(registry, {
    name,
    help,
    labels: [],
    values: () => {
      const now = value()
      return now === null ? [] : [[{}, now]]
    },
  })
}

/** `GET /metrics` for whoever has the listener's token. */
export function addMetricsRoute(server: FastifyInstance, registry: Registry): void {
  server.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}
