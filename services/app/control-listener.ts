// What the app's controllers and the harness may ask: permits, write regions, drains, events, and how the bus stands.
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { z } from 'zod'
import type { BusReply } from '#protocol/bus.ts'
import { drainRequest, permit, writeRegion, type Permit, type WriteRegion } from '#protocol/permit.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { createControlListener } from '#runtime/http.ts'
import type { DrainRequest } from './core/drain.ts'

/** What the listener needs of the app. The first three are false if a higher epoch is known, or if it isn't meant for this region. */
export interface ControlDuties {
  takePermit(permit: Permit): boolean
  takeWriteRegion(writeRegion: WriteRegion): boolean
  /** Null: refused. Resolves when no write is on its way to the WAL any more. */
  drain(request: DrainRequest): Promise<{ inFlight: number; lsn: string; atNs: string } | null>
  undrain(): void
  epoch(): number
  bus(): Promise<BusReply>
  events(from: number): { next: number; events: readonly TimelineEvent[] }
}

export function createAppControl(token: string, duties: ControlDuties): FastifyInstance {
  const control = createControlListener(token)
  const refuse = (reply: FastifyReply, seen: number): FastifyReply =>
    reply.code(409).send({
      error: 'refused',
      reason: `expected epoch ${duties.epoch()} or above, meant for this region, saw epoch ${seen}`,
      epoch: duties.epoch(),
    })
  control.put('/permit', async (incoming, reply) => {
    const body = parse(permit, incoming.body, reply)
    if (body === null) return reply
    return duties.takePermit(body) ? { epoch: body.epoch } : refuse(reply, body.epoch)
  })
  control.put('/write-region', async (incoming, reply) => {
    const body = parse(writeRegion, incoming.body, reply)
    if (body === null) return reply
    return duties.takeWriteRegion(body) ? body : refuse(reply, body.epoch)
  })
  control.post('/drain', async (incoming, reply) => {
    const body = parse(drainRequest, incoming.body, reply)
    if (body === null) return reply
    try {
      const drained = await duties.drain(body)
      return drained === null ? refuse(reply, body.epoch) : { drained: true, ...drained }
    } catch (error) {
      duties.undrain()
      return reply.code(503).send({ error: 'not-drained', reason: (error as Error).message })
    }
  })
  control.delete('/drain', async () => {
    duties.undrain()
    return { drained: false }
  })
  control.get('/bus', async () => await duties.bus())
  control.get<{ Querystring: { from?: string } }>('/events', async (incoming) =>
    duties.events(Number(incoming.query.from) || 0),
  )
  return control
}

function parse<Shape extends z.ZodType>(shape: Shape, body: unknown, reply: FastifyReply): z.infer<Shape> | null {
  const parsed = shape.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  void reply.code(400).send({ error: 'malformed', reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` })
  return null
}
