// What tests of single states begin with; each test says only what matters to it.
import type { AgentStatus } from '#protocol/agent.ts'
import { type Region, regions } from '#protocol/sites.ts'
import type { Claim } from './evidence.ts'
import type { HeardController } from './inputs.ts'
import type { Settings } from './settings.ts'
import type { Goal, Move } from './state.ts'

/** Of controller a in a world with commit: quorum. */
export function settingsOf(changes: Partial<Settings> = {}): Settings {
  const region = changes.region ?? 'a'
  return {
    regions,
    region,
    incarnation: `${region}1`,
    dataSet: 'orders',
    home: 'a',
    commit: 'quorum',
    maxLossMs: 5000,
    acceptDataLoss: false,
    ...changes,
  }
}

/** Of a whole standby in a that follows nobody. */
export function agentStatus(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    region: 'a',
    incarnation: 'agent',
    state: 'standby',
    promised: 4,
    whole: true,
    position: null,
    history: [],
    following: null,
    streaming: false,
    epochCommitted: false,
    followers: [],
    responsive: true,
    systemIdentifier: '1',
    ...changes,
  }
}

/** A beat of controller a, which is well and holds nothing. */
export function controllerBeat(changes: Partial<HeardController> = {}): HeardController {
  return {
    region: 'a',
    incarnation: 'a1',
    lateMs: 0,
    epoch: 4,
    holdsEpoch: false,
    etcdReachable: true,
    suspects: [],
    local: { app: true, postgres: true, redis: true, kafka: true },
    ...changes,
  }
}

export function failoverFrom(old: Region): Extract<Goal, { kind: 'failover' }> {
  return { kind: 'failover', old, to: null, why: 'x', suspectedMs: 0, acceptDataLoss: false, request: null }
}

/** Fencing has begun at time 0; nobody is to be asked, and nobody has promised. */
export function fencingMove(
  goal: Goal,
  claim: Claim,
  changes: Partial<Extract<Move, { phase: 'fencing' }>> = {},
): Extract<Move, { phase: 'fencing' }> {
  return {
    phase: 'fencing',
    goal,
    claim,
    sinceMs: 0,
    asks: { a: null, b: null, c: null },
    promised: [],
    begun: {},
    promises: [],
    attached: [],
    device: 'none',
    fencedMs: null,
    floor: null,
    refused: false,
    ...changes,
  }
}
