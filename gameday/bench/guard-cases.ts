// One example of each kind of fault, mild enough that the world comes through it: what the guard is measured with.
import type { FaultKind } from '#protocol/faults.ts'

/** In a runbook's words. A new kind does not compile without its line. */
export const guardCases: { readonly [Kind in FaultKind]: Readonly<Record<string, unknown>> } = {
  'power-loss': { target: 'region b' },
  partition: { target: 'region b' },
  'link-degrade': { target: 'a <-> b', delay: '300ms', loss: 0.05 },
  'replication-lag': { target: 'region b' },
  freeze: { target: 'region b' },
  pause: { target: 'app.b, redis.b' },
  'process-kill': { target: 'app.b, bridge.b' },
  'process-crash': { target: 'postgres.b', process: 'walreceiver' },
  'postgres-crash': { target: 'region b' },
  'cpu-starvation': { target: 'app.b' },
  'memory-limit': { target: 'app.b', limit: '200MiB' },
  'disk-full': { target: 'postgres.b' },
  'clock-skew': { target: 'controller.b', by: '+90s' },
  'dns-fail': { target: 'dns.b' },
  'redis-empty': { target: 'redis.b' },
  'kafka-loss': { target: 'kafka.b' },
  'etcd-loss': { target: 'etcd.b' },
  'fence-break': { target: 'fence device' },
}
