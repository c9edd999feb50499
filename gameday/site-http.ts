// Plain HTTP to a host of a site, through the way in: for answers that are no JSON, and for status codes of readiness checks.
import { request } from 'node:http'
import type { RunningWorld } from '#world/running-world.ts'

export interface SiteAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** @throws Error if there is no whole answer within `timeoutMs` */
export async function getFromSite(
  world: RunningWorld,
  host: string,
  port: number,
  path: string,
  timeoutMs: number,
  more: Readonly<Record<string, string>> = {},
): Promise<SiteAnswer> {
  const stream = await world.wayIn.connect(host, port, timeoutMs)
  try {
    return await new Promise<SiteAnswer>((resolve, reject) => {
      const outgoing = request(
        {
          host,
          port,
          path,
          headers: { authorization: `Bearer ${world.secrets.control}`, connection: 'close', ...more },
          createConnection: () => stream,
          signal: AbortSignal.timeout(timeoutMs),
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              body: Buffer.concat(chunks).toString('utf8'),
            })
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end()
    })
  } finally {
    stream.destroy()
  }
}
