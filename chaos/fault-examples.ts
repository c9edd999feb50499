// Examples of each kind of fault, mild enough that the world comes through them: what is tried on a real world, what the guard is
// measured with, and what editors offer.
import { faultKinds, type FaultKind } from '#protocol/faults.ts'

type Words = Readonly<Record<string, unknown>>

/** In a runbook's words: the plainest first, then other forms. A new kind does not compile without one. */
export const faultExamples: { readonly [Kind in FaultKind]: readonly [Words, ...Words[]] } = {
  'power-loss': [{ target: 'region b' }],
  partition: [{ target: 'region b' }],
  'link-degrade': [{ target: 'a <-> b', delay: '300ms', loss: 0.05 }],
  'replication-lag': [{ target: 'region b' }],
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
  'dns-fail': [{ target: 'dns.b' }],
  'redis-empty': [{ target: 'redis.b' }],
  'kafka-loss': [{ target: 'kafka.b' }],
  'etcd-loss': [{ target: 'etcd.b' }],
  'fence-break': [{ target: 'fence device' }],
}

export function everyExample(): readonly { readonly kind: FaultKind; readonly words: Words }[] {
  return faultKinds.flatMap((kind) => faultExamples[kind].map((words) => ({ kind, words })))
}
