// Calls to agents, to the drained app and to the fence device; failures become plain values for the core.
import {
  followReply,
  type FollowReply,
  promiseReply,
  type PromiseReply,
  promoteReply,
  reachReply,
  refusal,
} from '#protocol/agent.ts'
import type { History } from '#protocol/epoch.ts'
import { drainReply } from '#protocol/permit.ts'
import { ports, type Region, regions } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { fenceReply } from '#protocol/wan.ts'
import { call, CallRefused, type WarmConnections } from '#runtime/http.ts'
import { messageOf } from '#runtime/message-of.ts'
import { z } from 'zod'
import type { Failure } from '../core/inputs.ts'
import { timings } from '../core/settings.ts'

const promiseTimeoutMs = 3000
const promoteTimeoutMs = 10_000
const followTimeoutMs = 3000
const reachGraceMs = 500
/** An answer that takes longer comes over a connection that is broken. */
const warmTimeoutMs = 1000

export interface CallOptions {
  readonly dataSet: string
  readonly commit: CommitMode
  readonly controlToken: string
  readonly fenceToken: string
  readonly connections: WarmConnections
}

/** What went wrong; `promised` is the node's word if it refused because of a promise. */
export function failure(error: unknown): Failure {
  if (error instanceof CallRefused) {
    const refused = refusal.safeParse(error.body)
    if (refused.success) return { promised: refused.data.promised, reason: refused.data.reason }
  }
  return { promised: null, reason: messageOf(error) }
}

export class Calls {
  readonly #options: CallOptions

  constructor(options: CallOptions) {
    this.#options = options
  }

  /** Connections to all agents and apps are kept open: a new one would cost an order a round trip over the WAN. */
  async warm(): Promise<void> {
    await this.#options.connections.warm(async (connections) => {
      const ask = (authority: string, path: string): Promise<unknown> =>
        call({
          method: 'GET',
          authority: `${authority}:${ports.control}`,
          path,
          token: this.#options.controlToken,
          reply: z.unknown(),
          timeoutMs: warmTimeoutMs,
          connections,
        })
      await Promise.allSettled(
        regions.flatMap((region) => [
          ask(`postgres.${region}`, '/status'),
          ask(`app.${region}`, '/events?from=999999999'),
        ]),
      )
    })
  }

  async promise(region: Region, epoch: number): Promise<PromiseReply | Failure> {
    return this.#agent(region, '/promise', { epoch }, promiseReply, promiseTimeoutMs)
  }

  async promote(region: Region, epoch: number): Promise<{ history: History } | Failure> {
    return this.#agent(region, '/promote', { epoch, commit: this.#options.commit }, promoteReply, promoteTimeoutMs)
  }

  /** Ahead of a planned switchover: `primary` is still a standby, `history` its present one. */
  async attachAhead(region: Region, epoch: number, primary: Region, history: History): Promise<FollowReply | Failure> {
    return this.#agent(region, '/follow', { epoch, primary, history, ahead: true }, followReply, followTimeoutMs)
  }

  async follow(region: Region, epoch: number, primary: Region, history: History): Promise<FollowReply | Failure> {
    return this.#agent(region, '/follow', { epoch, primary, history }, followReply, followTimeoutMs)
  }

  /** Resolves true as soon as the node's position covers `lsn`, false after `withinMs`. */
  async reach(region: Region, lsn: string, withinMs: number): Promise<boolean> {
    const outcome = await this.#agent(region, '/reach', { lsn, withinMs }, reachReply, withinMs + reachGraceMs)
    return 'reached' in outcome && outcome.reached
  }

  async drain(region: Region, epoch: number, forwardTo: Region): Promise<{ lsn: string } | { reason: string }> {
    const { dataSet, controlToken } = this.#options
    try {
      const reply = await call({
        method: 'POST',
        authority: `app.${region}:${ports.control}`,
        path: '/drain',
        token: controlToken,
        body: { dataSet, epoch, forwardTo, holdMs: timings.drainHoldMs },
        reply: drainReply,
        timeoutMs: timings.drainMs,
        connections: this.#options.connections.ready,
      })
      return reply.drained ? { lsn: reply.lsn } : { reason: `${reply.inFlight} writes are still in flight` }
    } catch (error) {
      return { reason: failure(error).reason }
    }
  }

  async undrain(region: Region): Promise<void> {
    await call({
      method: 'DELETE',
      authority: `app.${region}:${ports.control}`,
      path: '/drain',
      token: this.#options.controlToken,
      reply: z.unknown(),
      timeoutMs: 1000,
      connections: this.#options.connections.ready,
    })
  }

  async fence(path: '/fence' | '/unfence', site: Region, epoch: number): Promise<{ fenced: boolean; reason: string }> {
    const { dataSet, fenceToken } = this.#options
    try {
      const reply = await call({
        method: 'POST',
        authority: `wan:${ports.control}`,
        path,
        token: fenceToken,
        body: { site, epoch, dataSet },
        reply: fenceReply,
        timeoutMs: 1500,
      })
      const reason = reply.fenced ? `The fence device has cut ${site} off` : `The fence device did not cut ${site} off`
      return { fenced: reply.fenced, reason }
    } catch (error) {
      return { fenced: false, reason: `The fence device failed: ${failure(error).reason}` }
    }
  }

  async #agent<Shape extends z.ZodType>(
    region: Region,
    path: string,
    body: unknown,
    reply: Shape,
    timeoutMs: number,
  ): Promise<z.infer<Shape> | Failure> {
    const authority = `postgres.${region}:${ports.control}`
    const token = this.#options.controlToken
    const connections = this.#options.connections.ready
    try {
      return await call({ method: 'POST', authority, path, token, body, reply, timeoutMs, connections })
    } catch (error) {
      return failure(error)
    }
  }
}
