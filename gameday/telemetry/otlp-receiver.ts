// A small receiver of traces for tests: takes OTLP's JSON over HTTP as a collector does, and keeps what came.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const value = z.union([
  z.object({ stringValue: z.string() }).transform((each) => each.stringValue),
  z.object({ intValue: z.coerce.number() }).transform((each) => each.intValue),
  z.object({ doubleValue: z.number() }).transform((each) => each.doubleValue),
  z.object({ boolValue: z.boolean() }).transform((each) => each.boolValue),
  z
    .object({ arrayValue: z.object({ values: z.array(z.object({ stringValue: z.string() })) }) })
    .transform((each) => each.arrayValue.values.map((one) => one.stringValue)),
])
const attributes = z
  .array(z.object({ key: z.string(), value }))
  .transform((list) => Object.fromEntries(list.map((each) => [each.key, each.value])))
const ns = z.string().regex(/^\d+$/).transform(BigInt)

const span = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: ns,
  endTimeUnixNano: ns,
  attributes,
  events: z.array(z.object({ name: z.string(), timeUnixNano: ns, attributes })),
  status: z.object({ code: z.number(), message: z.string().optional() }),
  droppedEventsCount: z.number(),
  droppedAttributesCount: z.number(),
})
export type ReceivedSpan = z.infer<typeof span>

const request = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }),
  ),
})

export interface OtlpReceiver extends AsyncDisposable {
  readonly endpoint: string
  readonly spans: ReceivedSpan[]
  readonly paths: string[]
}

/** @param answer status of every answer */
export async function startReceiver(answer = 200): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const paths: string[] = []
  const server = createServer((incoming, reply) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      paths.push(`${incoming.method} ${incoming.url}`)
      const parsed = request.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
      if (answer === 200)
        spans.push(...parsed.resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans)))
      reply.writeHead(answer, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    paths,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
