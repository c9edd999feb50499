// The kinds of fault that a schedule draws from, and what each one needs to be told.
import type { LinkClass, LinkTrouble } from '../network.ts'
import type { WorldPhase } from '../phases.ts'

export const faultKinds = [
  'kill-controller',
  'kill-node',
  'kill-app',
  'kill-etcd',
  'kill-bridge',
  'crash-postgres',
  'region-loss',
  'freeze-controller',
  'freeze-node',
  'freeze-app',
  'freeze-etcd',
  'freeze-region',
  'partition-one-way',
  'partition-pair',
  'partition-isolate',
  'partition-clients-stay',
  'partition-groups',
  'partition-bridge',
  'partition-flapping',
  'partition-class',
  'bad-link',
  'clock-jump',
  'slow-disk',
  'slow-process',
  'replay-paused',
  'fence-broken',
  'lost-answers',
  'cancel-waits',
  'terminate-waits',
  'kafka-lost',
  'switchover',
  'failover',
  'failback-twice',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** When it begins: at a time after the chaos has begun, or so long after a controller enters a phase, from that time on. */
export interface Begin {
  readonly atMs: number
  readonly phase: WorldPhase | null
  readonly delayMs: number
}

/**
 * `site`: the region that was drawn. `primary`: of the epoch record; `struck`: the last one that was aimed at; `standby`: beside it;
 * `successor`: whose Postgres is primary by now, if it is another one than was struck. `mover`: whose controller is in a move.
 */
export type Aim = 'site' | 'primary' | 'struck' | 'standby' | 'successor' | 'mover'

export interface Fault {
  readonly kind: FaultKind
  readonly aim: Aim
  readonly begin: Begin
  /** How long it lasts; an order of the operator is over at once. */
  readonly forMs: number
  /** The region that is hit or asked; of a partition: the first side. */
  readonly site: number
  /** The other end, or the target of an order. */
  readonly other: number
  /** Sides of a partition by groups: regions that are on the side of `site`. */
  readonly group: readonly number[]
  readonly linkClass: LinkClass | null
  readonly trouble: LinkTrouble
  readonly amountMs: number
  /** Of two ways, the second: an order that accepts loss, a device that refuses instead of being silent. */
  readonly variant: boolean
}
