// Checks of each region's app by this server itself, so that steering works with every controller dead.
import { Agent, request } from 'undici'
import { isDeepStrictEqual } from 'node:util'
import { regions, type Region } from '#protocol/sites.ts'
import { monotonicMs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import type { Health, ReadHealth, RegionHealth } from './choice.ts'

/** Time between the end of a check and the next one; short for a while after the write region was published. */
const intervalMs = 1000
const hurriedIntervalMs = 50
const hurryForMs = 3000
const timeoutMs = 1000
/** So many failed checks in a row make a region not ready; one good check makes it ready. */
const fallCount = 2

/** What the statuses of a region's `/readyz` mean. */
const readHealths = new Map<number | null, ReadHealth>([
  [200, 'fresh'],
  [203, 'stale'],
])

interface Checked {
  health: RegionHealth
  failedWrites: number
  failedReads: number
  wake: (() => void) | null
}

export interface HealthChecks {
  current(): Health
  /** Check every region at once, and often for a short while: the write region has just been published. */
  hurry(): void
  stop(): Promise<void>
}

export function startHealthChecks(options: {
  /** `host:port` of a region's app. */
  authority: (region: Region) => string
  onChange: (health: Health) => void
  log: Log
}): HealthChecks {
  const agent = new Agent({ connect: { timeout: timeoutMs }, keepAliveTimeout: 10_000, connections: 2 })
  const checked = Object.fromEntries(
    regions.map((region) => [
      region,
      { health: { writesSince: null, reads: 'none' }, failedWrites: 0, failedReads: 0, wake: null },
    ]),
  ) as unknown as Record<Region, Checked>
  const ending = new AbortController()
  let hurriedUntilMs = 0

  const current = (): Health =>
    Object.fromEntries(regions.map((region) => [region, checked[region].health])) as unknown as Health

  const statusOf = async (region: Region, path: string): Promise<number | null> => {
    try {
      const response = await request(`http://${options.authority(region)}${path}`, {
        dispatcher: agent,
        signal: AbortSignal.timeout(timeoutMs),
      })
      await response.body.dump()
      return response.statusCode
    } catch {
      return null
    }
  }

  const checkOnce = async (region: Region): Promise<void> => {
    const state = checked[region]
    const writes = (await statusOf(region, '/readyz?for=writes')) === 200
    // Ready for writes means that Postgres answers and is not cut off, so reads need no check of their own then.
    const seen = writes ? 'fresh' : (readHealths.get(await statusOf(region, '/readyz')) ?? 'none')
    state.failedWrites = writes ? 0 : state.failedWrites + 1
    state.failedReads = seen === 'none' ? state.failedReads + 1 : 0
    let { writesSince } = state.health
    if (writes) writesSince ??= monotonicMs()
    else if (state.failedWrites >= fallCount) writesSince = null
    const reads = seen === 'none' && state.failedReads < fallCount ? state.health.reads : seen
    const health = { writesSince, reads }
    if (ending.signal.aborted || isDeepStrictEqual(health, state.health)) return
    state.health = health
    options.log.info({ region, writes: writesSince !== null, reads: health.reads }, 'health changed')
    options.onChange(current())
  }

  const loop = async (region: Region): Promise<void> => {
    while (!ending.signal.aborted) {
      await checkOnce(region)
      const waitMs = monotonicMs() < hurriedUntilMs ? hurriedIntervalMs : intervalMs
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        checked[region].wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  const wakeAll = (): void => {
    for (const region of regions) checked[region].wake?.()
  }
  const loops = regions.map((region) => loop(region))
  return {
    current,
    hurry() {
      hurriedUntilMs = monotonicMs() + hurryForMs
      wakeAll()
    },
    async stop() {
      ending.abort()
      wakeAll()
      await agent.destroy()
      await Promise.all(loops)
    },
  }
}
