// What a load client's GET /metrics tells: operations as its users saw them, over all plans since it started.
import { Counter, Histogram, Registry } from 'prom-client'
import type { LoadStatus } from '#protocol/operation.ts'
import { gauge } from '#runtime/metrics.ts'
import type { OperationLog } from './operation-log.ts'

export interface ClientMetrics {
  readonly registry: Registry
  /** The same log; what is appended is counted as well. */
  readonly counting: (log: OperationLog) => OperationLog
}

export function createClientMetrics(load: () => Pick<LoadStatus, 'running' | 'inFlight'>): ClientMetrics {
  const registry = new Registry()
  const operations = new Counter({
    name: 'firedrill_client_operations_total',
    help: 'Operations by kind (write, read) and outcome (ok, failed, unknown); shed ones are failed.',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'firedrill_client_operation_seconds',
    help: 'Time from when an operation should have been sent to its end, whatever that was.',
    labelNames: ['kind'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5],
    registers: [registry],
  })
  gauge(registry, 'firedrill_client_in_flight', 'Operations under way.', () => load().inFlight)
  gauge(registry, 'firedrill_client_load_running', '1 while a plan is under way.', () => Number(load().running))
  return {
    registry,
    counting: (log) => ({
      ...log,
      append: (operation) => {
        const { kind, outcome, intendedNs, doneNs } = operation
        operations.inc({ kind, outcome })
        seconds.observe({ kind }, Number(BigInt(doneNs) - BigInt(intendedNs)) / 1e9)
        log.append(operation)
      },
    }),
  }
}
