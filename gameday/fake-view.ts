// A view of a whole world for tests, as if everything had answered.
import type { AgentStatus } from '#protocol/agent.ts'
import type { ControllerStatus } from '#protocol/controller.ts'
import type { Region } from '#protocol/sites.ts'
import type { WorldView } from './conditions.ts'

export function controller(region: Region, epoch: number | null, primary: Region = 'a'): ControllerStatus {
  const record = { owner: primary, incarnation: 'one', state: 'active', primary, previous: null } as const
  return {
    region,
    incarnation: region,
    epoch: epoch === null ? null : { ...record, epoch, history: [] },
    holdsEpoch: region === primary,
    etcd: { reachable: true, leader: 'b' },
    suspects: [],
    agents: [],
    busy: null,
  }
}

export function agent(
  region: Region,
  primary: Region,
  flushed: Readonly<Partial<Record<Region, string>>>,
): AgentStatus {
  const leads = region === primary
  return {
    region,
    incarnation: region,
    state: leads ? 'primary' : 'standby',
    promised: 1,
    whole: true,
    position: { epoch: 1, lsn: '0/3000000' },
    history: [],
    following: leads ? null : primary,
    streaming: !leads,
    epochCommitted: leads,
    followers: Object.entries(flushed).map(([follower, flushLsn]) => ({ region: follower as Region, flushLsn })),
    responsive: true,
    systemIdentifier: '1',
  }
}

export const everywhere = { a: true, b: true, c: true }

export function wholeView(primary: Region): WorldView {
  const flushed = { a: '0/3000000', b: '0/3000000', c: '0/2FF0000' }
  const of = <Value>(make: (region: Region) => Value): Record<Region, Value> => ({
    a: make('a'),
    b: make('b'),
    c: make('c'),
  })
  return {
    controllers: of((region) => controller(region, 4, primary)),
    agents: of((region) => agent(region, primary, region === primary ? flushed : {})),
    readyForReads: everywhere,
    readyForWrites: of((region) => region === primary),
    busUp: everywhere,
    relayBehindMs: of((region) => (region === primary ? 800 : null)),
  }
}
