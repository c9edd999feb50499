// What an operator or the harness asks of a controller (HTTP on ports.control, bearer token `control`).
import { z } from 'zod'
import { agentStatus } from './agent.ts'
import { epochRecord } from './epoch.ts'
import { regions } from './sites.ts'

/** GET /status. `epoch` is null before the first one, `etcd.reachable` false when it can't be read now. */
export const controllerStatus = z.object({
  region: z.enum(regions),
  incarnation: z.string(),
  epoch: epochRecord.nullable(),
  holdsEpoch: z.boolean(),
  etcd: z.object({ reachable: z.boolean(), leader: z.enum(regions).nullable() }),
  suspects: z.array(z.object({ region: z.enum(regions), why: z.string() })),
  /** Last known status of each agent, and how long ago it was heard, ms (null: never). */
  agents: z.array(
    z.object({ region: z.enum(regions), heardMsAgo: z.number().nullable(), status: agentStatus.nullable() }),
  ),
  /** The move under way, if any: `failover`, `switchover`. */
  busy: z.string().nullable(),
})
export type ControllerStatus = z.infer<typeof controllerStatus>

/** POST /switchover: planned, no loss, refused (409) unless the target streams and is caught up. 200 when steered. */
export const switchoverRequest = z.strictObject({ dataSet: z.string(), to: z.enum(regions) })
/** POST /failback: a switchover to the home region. */
export const failbackRequest = z.strictObject({ dataSet: z.string() })
/** POST /failover: now, by an operator's word. `acceptDataLoss` opens the gate in commit: async; it is refused in commit: quorum. */
export const failoverRequest = z.strictObject({
  dataSet: z.string(),
  to: z.enum(regions).optional(),
  acceptDataLoss: z.boolean().default(false),
})
/** Answer of all three. 409 carries `done: false` and the reason. */
export const moveReply = z.object({
  done: z.boolean(),
  epoch: z.number(),
  primary: z.enum(regions).nullable(),
  reason: z.string(),
})
export type MoveReply = z.infer<typeof moveReply>
