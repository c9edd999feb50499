// Heartbeats: UDP datagrams (JSON, one per packet) to every controller's ports.beat, about every 100 ms and at once on a change.
// Controllers and agents both send them, so that one stalled process is not taken for a lost region.
import { z } from 'zod'
import { agentStatus } from './agent.ts'
import { regions } from './sites.ts'

export const beatIntervalMs = 100

const common = {
  region: z.enum(regions),
  incarnation: z.string(),
  seq: z.number().int().nonnegative(),
  /** The sender's monotonic clock when it sent, nanoseconds. */
  sentNs: z.string(),
  /** HMAC-SHA256 (hex) with the control token over the datagram without this field. */
  mac: z.string(),
}

/** `agent.followers` and `history` included: a candidate knows positions before it asks. */
export const agentBeat = z.object({ from: z.literal('agent'), ...common, status: agentStatus })

export const controllerBeat = z.object({
  from: z.literal('controller'),
  ...common,
  /** How late the sender's own loop was at worst in the last second, ms (Lifeguard's local health). */
  lateMs: z.number(),
  /** The epoch that this controller knows as current, and whether it holds it in this run. */
  epoch: z.number(),
  holdsEpoch: z.boolean(),
  etcdReachable: z.boolean(),
  /** Regions whose primary this controller suspects now, and why. */
  suspects: z.array(z.object({ region: z.enum(regions), why: z.string() })),
  /** Deep probes of the sender's own region. */
  local: z.object({ app: z.boolean(), postgres: z.boolean(), redis: z.boolean(), kafka: z.boolean() }),
})

export const beat = z.discriminatedUnion('from', [agentBeat, controllerBeat])
export type Beat = z.infer<typeof beat>
export type AgentBeat = z.infer<typeof agentBeat>
export type ControllerBeat = z.infer<typeof controllerBeat>
