// Where a world's dashboard listens, as its process leaves it for the commands; and starting one where there is none.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { lastLines } from '#world/child-process.ts'
import { startDetached } from '#world/detached.ts'
import { dashboardFile, dashboardLockFile, dashboardLogFile } from '#world/world-files.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { lookAtLock } from '#world/process-lock.ts'

export const dashboardAddress = z.object({ pid: z.number(), port: z.number(), token: z.string() })
export type DashboardAddress = z.infer<typeof dashboardAddress>

const startsWithinMs = 30_000
const lookEveryMs = 100

export function urlOf({ port, token }: DashboardAddress): string {
  return `http://127.0.0.1:${port}/?token=${token}`
}

/** Null unless its process holds the lock: a file that a killed one left says nothing. */
async function running(world: string): Promise<DashboardAddress | null> {
  const { state, holder } = await lookAtLock(dashboardLockFile(world))
  if (state !== 'held') return null
  try {
    const address = dashboardAddress.parse(JSON.parse(await readFile(dashboardFile(world), 'utf8')))
    return address.pid === holder.pid ? address : null
  } catch {
    return null
  }
}

/**
 * The address of the world's dashboard, which is started if none is alive.
 * @throws EnvironmentError if it does not start
 */
export async function bringDashboard(
  world: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const known = await running(world)
  if (known !== null) return urlOf(known)
  const logFile = dashboardLogFile(world)
  const child = startDetached({ program: ['cli/main.ts', 'dashboard-server', '--world', world], logFile, environment })
  let exitCode: number | null = null
  child.once('exit', (code) => (exitCode = code ?? 1))
  for (let waitedMs = 0; waitedMs < startsWithinMs; waitedMs += lookEveryMs) {
    await sleep(lookEveryMs)
    // Another command's may have been quicker.
    const address = await running(world)
    if (address !== null) return urlOf(address)
    if (exitCode !== null && exitCode !== 0) break
  }
  const words = lastLines(await readFile(logFile, 'utf8').catch(() => ''), 1).replace(/^firedrill: /, '')
  throw new EnvironmentError(
    `the dashboard of world ${world} did not start: ${words || 'it says nothing'}; see: ${logFile}`,
  )
}
