// What an agent's GET /metrics tells: its node as its status says, and the orders that it was given.
import { Histogram, Registry } from 'prom-client'
import { type AgentStatus, nodeStates } from '#protocol/agent.ts'
import { lsnToBigInt } from '#protocol/epoch.ts'
import { gauge, gauges } from '#runtime/metrics.ts'

export interface AgentMetrics {
  readonly registry: Registry
  /** Begins to time an order; to be called with what became of it. */
  readonly order: (order: string) => (outcome: 'obeyed' | 'refused' | 'failed') => void
}

export function createAgentMetrics(status: () => AgentStatus): AgentMetrics {
  const registry = new Registry()
  gauges(registry, {
    name: 'firedrill_agent_state',
    help: 'What the node is: 1 for its state, 0 for all others.',
    labels: ['state'],
    values: () => {
      const now = status().state
      return nodeStates.map((state) => [{ state }, Number(state === now)])
    },
  })
  gauge(registry, 'firedrill_agent_promised_epoch', 'The highest epoch promised.', () => status().promised)
  gauge(registry, 'firedrill_agent_whole', '0 while the node is half-made and counts for nothing.', () =>
    Number(status().whole),
  )
  gauge(registry, 'firedrill_agent_responsive', '1 if Postgres answered the last probe in time.', () =>
    Number(status().responsive),
  )
  gauge(registry, 'firedrill_agent_streaming', '1 if this standby streams from its primary.', () =>
    Number(status().streaming),
  )
  gauge(
    registry,
    'firedrill_agent_position_bytes',
    "Primary: the end of its WAL; standby: the end of what it replayed. Absent while Postgres isn't up.",
    () => positionBytes(status()),
  )
  gauge(
    registry,
    'firedrill_agent_position_epoch',
    'Epoch of the last record below the position; positions are compared by epoch first.',
    () => status().position?.epoch ?? null,
  )
  gauges(registry, {
    name: 'firedrill_agent_follower_lag_bytes',
    help: 'Primary: how far what each follower has flushed lies behind its own WAL.',
    labels: ['follower'],
    values: () => {
      const now = status()
      const own = positionBytes(now)
      return now.followers.flatMap(({ region, flushLsn }) =>
        own === null || flushLsn === null
          ? []
          : [[{ follower: region }, Math.max(0, own - Number(lsnToBigInt(flushLsn)))] as const],
      )
    },
  })
  const orders = new Histogram({
    name: 'firedrill_agent_order_seconds',
    help: 'Time that an order took (promise, promote, follow, reach, timeline), by what became of it: obeyed, refused, failed.',
    labelNames: ['order', 'outcome'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  return {
    registry,
    order: (order) => {
      const end = orders.startTimer({ order })
      return (outcome) => end({ outcome })
    },
  }
}

function positionBytes({ position }: AgentStatus): number | null {
  return position === null ? null : Number(lsnToBigInt(position.lsn))
}
