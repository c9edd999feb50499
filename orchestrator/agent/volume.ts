// The node's volume: made ready at the first start from the image's empty cluster, found again at every later one.
import { execFile } from 'node:child_process'
import { chown, mkdir, rename, rm, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Kept } from '#orchestrator/core/agent/decisions.ts'
import type { Log } from '#runtime/log.ts'
import { loadState, saveState, syncFolder } from './durable-state.ts'
import { paths } from './paths.ts'
import type { Account } from './postgres-server.ts'

const run = promisify(execFile)

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/**
 * What the node has kept.
 * @throws Error if there is a cluster but no state beside it: its promise would be forgotten
 */
export async function prepareVolume(account: Account, log: Log): Promise<Kept> {
  await mkdir(paths.agent, { recursive: true })
  await mkdir(paths.exports, { recursive: true })
  await chown(paths.volume, account.uid, account.gid)
  await mkdir(paths.sockets, { recursive: true })
  await chown(paths.sockets, account.uid, account.gid)
  const kept = await loadState(paths.state)
  if (kept !== null) return kept
  if (await exists(paths.data))
    throw new Error(`expected ${paths.state} beside the cluster, saw none; restore it, or give the node a new volume`)
  log.info({ template: paths.template }, 'first start: the empty cluster is copied')
  await rm(paths.dataNext, { recursive: true, force: true })
  await run('cp', ['--archive', paths.template, paths.dataNext])
  // Not synced: there is nothing in it yet that anybody relies on, and a thousand files would hold up a world's start.
  const fresh: Kept = { promised: 0, history: [], begun: 0, half: null, ahead: null }
  await saveState(paths.state, fresh)
  await rename(paths.dataNext, paths.data)
  await syncFolder(paths.volume)
  return fresh
}
