// What was reached, and how often: so that "nothing was found" means something. What can be reached and never was is named.
import type { Effect } from '#orchestrator/core/effects.ts'
import type { FollowDecision, PromiseDecision, PromoteDecision } from '#orchestrator/core/agent/decisions.ts'
import type { Move, Suspicion } from '#orchestrator/core/state.ts'
import { faultKinds } from './faults/kinds.ts'
import { phases } from './phases.ts'

const yes = <Name extends string>(names: Readonly<Record<Name, true>>): readonly Name[] => Object.keys(names) as Name[]

const effects = yes<Effect['kind']>({
  claim: true,
  'read-record': true,
  prepare: true,
  drain: true,
  undrain: true,
  'await-position': true,
  promise: true,
  fence: true,
  promote: true,
  follow: true,
  permit: true,
  'write-region': true,
  activate: true,
  unfence: true,
  'attach-holder': true,
  'release-holder': true,
  'move-leader': true,
  beat: true,
  announce: true,
  answer: true,
})
const moves = yes<Move['phase']>({ claiming: true, preparing: true, draining: true, fencing: true, promoting: true })
const goals = ['first-start', 'failover', 'switchover'] as const
const unreachable = ['preparing (first-start)', 'preparing (failover)', 'draining (first-start)', 'draining (failover)']
const rules = yes<Suspicion['rule']>({
  'region-silent': true,
  'postgres-down': true,
  'agent-silent': true,
  'controller-silent': true,
  unwell: true,
  orphan: true,
})
const promise = yes<PromiseDecision['kind']>({ refuse: true, repeat: true, raise: true })
/** `already` answers an order that came twice; a controller orders each promotion once, and calls are not repeated. */
const promote = yes<Exclude<PromoteDecision['kind'], 'already'>>({ refuse: true, promote: true })
const follow = yes<FollowDecision['kind']>({
  refuse: true,
  adopt: true,
  locate: true,
  repeat: true,
  attach: true,
  rewind: true,
  basebackup: true,
})

/** What can be reached, by group. */
export const universe: Readonly<Record<string, readonly string[]>> = {
  'controller phase': [
    'idle',
    'suspecting',
    'holding',
    'steered',
    ...moves
      .flatMap((phase) => goals.map((goal) => `${phase} (${goal})`))
      .filter((each) => !unreachable.includes(each)),
  ],
  suspicion: rules,
  effect: effects,
  'promise decision': promise,
  'promote decision': promote,
  'follow decision': follow,
  'settle decision': ['none', 'settle', 'refuse'],
  'fence way': [
    'promises',
    'last-primary',
    'first-epoch',
    'all-promised',
    'old-primary-promised',
    'fence-device',
    'lease-expired',
  ],
  door: ['open', 'hold', 'forward', 'elsewhere'],
  drain: ['accepted', 'refused'],
  bridge: ['copy', 'foreign', 'refused'],
  fault: faultKinds,
  'fault in phase': faultKinds.flatMap((kind) => phases.map((phase) => `${kind} while ${phase}`)),
}

export type Counts = Record<string, Record<string, number>>

export class Coverage {
  readonly counts: Counts = {}

  count(group: string, name: string): void {
    const counts = (this.counts[group] ??= {})
    counts[name] = (counts[name] ?? 0) + 1
  }

  add(counts: Counts): void {
    for (const [group, names] of Object.entries(counts))
      for (const [name, count] of Object.entries(names)) {
        const own = (this.counts[group] ??= {})
        own[name] = (own[name] ?? 0) + count
      }
  }

  neverReached(): readonly string[] {
    return Object.entries(universe).flatMap(([group, names]) =>
      names.filter((name) => this.counts[group]?.[name] === undefined).map((name) => `${group}: ${name}`),
    )
  }
}
