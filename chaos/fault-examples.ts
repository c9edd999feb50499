// Examples of each kind of fault, mild enough that the world comes through them: what is tried on a real world, and what the guard is
// measured with.
import { faultKinds, type FaultKind } from '#protocol/faults.ts'

type Words = Readonly<Record<string, unknown>>

/** In a runbook's words: the plainest first, then the other forms that are done or proven in another way. A new kind does not compile without. */
export const faultExamples: { readonly [Kind in FaultKind]: readonly [Words, ...Words[]] } = {
  'power-loss': [{ target: 'region b' }],
  partition: [
    { target: 'region b' },
    { target: 'region b', clients: 'stay' },
    { target: 'region b', class: 'control' },
    { target: 'b -> c' },
    { target: 'a,c,na,eu,ap|b' },
    { target: 'bridge a' },
    { target: 'region b', flap: { down: '700ms', up: '700ms' } },
  ],
  'link-degrade': [
    { target: 'a <-> b', delay: '300ms', loss: 0.05 },
    { target: 'b -> c', delay: '200ms', jitter: 0.5 },
    { target: 'b <-> c', loss: 0.2 },
    { target: 'b <-> c', delay: '100ms', reorder: 0.3 },
    { target: 'b <-> c', bandwidth: '500kbit' },
    { target: 'b <-> c', delay: '200ms', class: 'postgres' },
    { target: 'all', delay: '120ms' },
  ],
  'replication-lag': [{ target: 'region b' }, { target: 'region b', bandwidth: '32kbit' }],
  freeze: [{ target: 'region b' }],
  pause: [{ target: 'app.b, redis.b' }, { target: 'resolver.ap' }],
  'process-kill': [{ target: 'app.b, bridge.b' }, { target: 'controller.b, postgres.b', signal: 'stop' }],
  'process-crash': [
    { target: 'postgres.b', process: 'walreceiver' },
    { target: 'app.b', process: 'node' },
    { target: 'glb.ap', process: 'haproxy' },
  ],
  'postgres-crash': [{ target: 'region b' }],
  'cpu-starvation': [{ target: 'app.b' }, { target: 'postgres.b', share: 0.02 }],
  'memory-limit': [
    { target: 'app.b', limit: '200MiB' },
    { target: 'kafka.b', limit: '64MiB' },
  ],
  'disk-full': [{ target: 'postgres.b' }],
  'clock-skew': [
    { target: 'controller.b', by: '+90s' },
    { target: 'app.*', by: '-5m' },
    { target: 'postgres.b', by: '+5m' },
  ],
  'dns-fail': [{ target: 'dns.b' }, { target: 'dns.b', mode: 'silent' }, { target: 'dns.*', mode: 'stale' }],
  'redis-empty': [{ target: 'redis.b' }],
  'kafka-loss': [{ target: 'kafka.b' }, { target: 'kafka.b', data: 'kept' }],
  'etcd-loss': [{ target: 'etcd.b' }],
  'fence-break': [{ target: 'fence device' }, { target: 'fence device', mode: 'refuse' }],
}

export function everyExample(): readonly { readonly kind: FaultKind; readonly words: Words }[] {
  return faultKinds.flatMap((kind) => faultExamples[kind].map((words) => ({ kind, words })))
}
