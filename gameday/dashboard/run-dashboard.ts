// The dashboard's process: one for each world. It ends by itself when its world has gone.
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { checkout } from '#world/checkout.ts'
import type { Engine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { dashboardFile, dashboardLockFile } from '#world/world-files.ts'
import { tryLock } from '#world/process-lock.ts'
import { findContainer } from '#world/world-containers.ts'
import { renderWorldMetrics } from '../metrics/world-metrics.ts'
import { Acts } from './acts.ts'
import type { DashboardAddress } from './address.ts'
import { composeState } from './compose-state.ts'
import { Live } from './live.ts'
import { createDashboardServer } from './server.ts'
import { Watch } from './watch.ts'

/** What is seen within this time is told together. */
const publishMs = 200

export interface DashboardOptions {
  readonly docker: Engine['docker']
  readonly world: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * Resolves when the world has gone, at `signal`, or at once if the world has a dashboard already.
 * @throws EnvironmentError if there is no such world
 */
export async function runDashboard({ docker, world, environment, say, signal }: DashboardOptions): Promise<void> {
  await findContainer(docker, world, { site: null, service: 'wan' })
  const attempt = await tryLock(dashboardLockFile(world), 'dashboard')
  if (!attempt.taken) return say(`world ${world} has a dashboard already: process ${attempt.holder.pid}`)
  await using _lock = attempt.lock
  const live = new Live()
  const publishing = debounced(publishMs, () => live.publish(composeState(watch.observed, Date.now())))
  const watch = new Watch(docker, world, publishing)
  const token = randomBytes(24).toString('base64url')
  let port = 0
  const server = await createDashboardServer({
    watch,
    live,
    acts: new Acts(watch, docker, environment),
    state: () => composeState(watch.observed, Date.now()),
    metrics: async () => {
      await using opened = await openWorldOn(docker, world)
      return renderWorldMetrics(opened, join(checkout, 'drills'))
    },
    own: () => ({ port, token }),
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  port = (server.server.address() as AddressInfo).port
  const address: DashboardAddress = { pid: process.pid, port, token }
  // Whoever may read it may break regions.
  writeFileSync(dashboardFile(world), JSON.stringify(address), { mode: 0o600 })
  say(`listening on 127.0.0.1:${port}`)
  signal.addEventListener('abort', () => watch.stop())
  if (signal.aborted) watch.stop()
  await watch.run()
  live.end(signal.aborted ? 'the dashboard was ended' : `world ${world} has gone`)
  await server.close()
  rmSync(dashboardFile(world), { force: true })
  say(signal.aborted ? 'ended' : `world ${world} has gone`)
}

/** Calls `work` once for all calls within `waitMs`. */
function debounced(waitMs: number, work: () => void): () => void {
  let timer: NodeJS.Timeout | null = null
  return () => {
    timer ??= setTimeout(() => {
      timer = null
      work()
    }, waitMs)
  }
}
