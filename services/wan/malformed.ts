// Refusals of malformed requests: one line that names the field, what was expected and what was seen.
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'

/** Answered as 400. */
export class Malformed extends Error {}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    body,
  )
}

/** @throws Malformed unless the body has the shape */
export function expectShape<Shape extends z.ZodType>(shape: Shape, body: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const path = issue?.path ?? []
  const field = path.length === 0 ? 'body' : `field ${path.join('.')}`
  const seen = JSON.stringify(valueAt(body, path) ?? null)
  throw new Malformed(`${field}: ${issue?.message ?? 'invalid'}, saw ${seen.slice(0, 200)}`)
}

/** Gives the listener's errors the one shape `{ error, reason }`. */
export function answerErrors(server: FastifyInstance): void {
  server.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
    const status = error instanceof Malformed ? 400 : (error.statusCode ?? 500)
    await reply.code(status).send({ error: status < 500 ? 'malformed' : 'failed', reason: error.message })
  })
  server.setNotFoundHandler(async (request, reply) => {
    const reason = `no such route: ${request.method} ${request.url}`
    await reply.code(404).send({ error: 'not-found', reason })
  })
}
