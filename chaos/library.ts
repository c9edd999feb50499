// All kinds of faults, and the file that does each.
import type { FaultKind } from '#protocol/faults.ts'
import type { FaultHandler } from './fault.ts'
import { clockSkew } from './clock-skew.ts'
import { cpuStarvation } from './cpu-starvation.ts'
import { diskFull } from './disk-full.ts'
import { dnsFail } from './dns-fail.ts'
import { etcdLoss } from './etcd-loss.ts'
import { fenceBreak } from './fence-break.ts'
import { freeze } from './freeze.ts'
import { kafkaLoss } from './kafka-loss.ts'
import { linkDegrade } from './link-degrade.ts'
import { memoryLimit } from './memory-limit.ts'
import { partition } from './partition.ts'
import { pause } from './pause.ts'
import { postgresCrash } from './postgres-crash.ts'
import { powerLoss } from './power-loss.ts'
import { processCrash } from './process-crash.ts'
import { processKill } from './process-kill.ts'
import { redisEmpty } from './redis-empty.ts'
import { replicationLag } from './replication-lag.ts'

const handlers: { readonly [Kind in FaultKind]: FaultHandler<Kind> } = {
  'power-loss': powerLoss,
  partition,
  'link-degrade': linkDegrade,
  'replication-lag': replicationLag,
  freeze,
  pause,
  'process-kill': processKill,
  'process-crash': processCrash,
  'postgres-crash': postgresCrash,
  'cpu-starvation': cpuStarvation,
  'memory-limit': memoryLimit,
  'disk-full': diskFull,
  'clock-skew': clockSkew,
  'dns-fail': dnsFail,
  'redis-empty': redisEmpty,
  'kafka-loss': kafkaLoss,
  'etcd-loss': etcdLoss,
  'fence-break': fenceBreak,
}

/** @throws RangeError for a kind that this version does not know */
export function handlerOf(kind: string): FaultHandler {
  const handler = (handlers as Readonly<Record<string, FaultHandler | undefined>>)[kind]
  if (handler === undefined)
    throw new RangeError(`expected a fault kind of ${Object.keys(handlers).join(', ')}, saw ${JSON.stringify(kind)}`)
  return handler
}
