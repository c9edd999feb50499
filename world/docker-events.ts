// Docker's stream of events of a world's containers: what was done to them, also where it was taken back before anybody looked.
import type { Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import { z } from 'zod'
import { isSite } from '#protocol/sites.ts'
import { onLines } from '#runtime/lines.ts'
import type { DockerEvent, EventStream, ServiceName } from './running-world.ts'
import { serviceLabel, siteLabel, worldLabel } from './world-containers.ts'

const told = ['start', 'kill', 'die', 'pause', 'unpause', 'update']

const shape = z.object({
  Action: z.string(),
  /** Nanoseconds, beyond what a number holds: microseconds stay exact. */
  timeNano: z.number(),
  Actor: z.object({ Attributes: z.record(z.string(), z.string()) }),
})

/** As `RunningWorld.events`. @throws Error if Docker does not answer */
export async function followEvents(
  docker: Dockerode,
  world: string,
  sinceMs: number | null,
  onEvent: (event: DockerEvent) => void,
): Promise<EventStream> {
  // Its type hides that it is an answer of HTTP.
  const stream = (await docker.getEvents({
    filters: { type: ['container'], event: told, label: [`${worldLabel}=${world}`] },
    ...(sinceMs === null ? {} : { since: sinceMs / 1000 }),
  })) as Readable
  const closed = Promise.withResolvers<void>()
  let isClosed = false
  onLines(stream, (line) => {
    const event = isClosed ? null : parseEvent(line)
    if (event !== null) onEvent(event)
  })
  stream.on('error', () => closed.resolve())
  stream.once('close', () => closed.resolve())
  return {
    closed: closed.promise,
    close: () => {
      isClosed = true
      stream.destroy()
    },
  }
}

/** Null for what is no event of a container of ours. */
export function parseEvent(line: string): DockerEvent | null {
  if (line.trim() === '') return null
  const parsed = shape.safeParse(JSON.parse(line))
  const labels = parsed.data?.Actor.Attributes
  const service = labels?.[serviceLabel]
  if (parsed.data === undefined || service === undefined) return null
  const site = labels?.[siteLabel] ?? ''
  return {
    site: isSite(site) ? site : null,
    service: service as ServiceName,
    action: parsed.data.Action,
    ...(labels?.['signal'] === undefined ? {} : { signal: labels['signal'] }),
    wallMs: parsed.data.timeNano / 1e6,
  }
}
