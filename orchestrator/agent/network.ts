// Tunes the route that WAL leaves by: over 80 ms, TCP's usual first window makes a follower wait five round trips for one segment.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { Log } from '#runtime/log.ts'

const run = promisify(execFile)

/** First congestion and receive window, in packets: a WAL segment of 1 MiB, which an attached follower takes once more. */
const firstWindowPackets = 800

const routes = z.array(z.object({ dst: z.string(), dev: z.string(), prefsrc: z.string().optional() }))

/** Whoever may not change routes (no NET_ADMIN) goes without; it costs time, not safety. */
export async function widenFirstWindow(log: Log): Promise<void> {
  try {
    const { stdout } = await run('ip', ['-json', '-4', 'route', 'show', 'scope', 'link'])
    for (const { dst, dev, prefsrc } of routes.parse(JSON.parse(stdout))) {
      const source = prefsrc === undefined ? [] : ['src', prefsrc]
      const window = ['initcwnd', String(firstWindowPackets), 'initrwnd', String(firstWindowPackets)]
      await run('ip', ['route', 'change', dst, 'dev', dev, 'proto', 'kernel', 'scope', 'link', ...source, ...window])
    }
  } catch (error) {
    log.warn({ err: error }, 'the first TCP window could not be widened: followers will be attached more slowly')
  }
}
