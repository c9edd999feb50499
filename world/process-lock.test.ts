// Locks of processes: exclusion, takeover from the dead, no lock left behind.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lookAtLock, tryLock } from './process-lock.ts'

function lockFile(context: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'firedrill-lock-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'some.lock')
}

test('a held lock is refused with its holder, a released one is free', async (context) => {
  const file = lockFile(context)
  const first = await tryLock(file, 'run region-loss')
  assert.ok(first.taken)
  const second = await tryLock(file, 'up')
  assert.ok(!second.taken)
  assert.equal(second.holder.pid, process.pid)
  assert.equal(second.holder.doing, 'run region-loss')
  await first.lock.release()
  assert.equal(existsSync(file), false)
  const third = await tryLock(file, 'up')
  assert.ok(third.taken)
  assert.equal(third.lock.tookOverFrom, null)
  await third.lock.release()
})

test('the lock of a dead process is taken over, and its holder told', async (context) => {
  const file = lockFile(context)
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(file, JSON.stringify({ pid: dead, doing: 'run region-freeze', since: 'then' }))
  const attempt = await tryLock(file, 'up')
  assert.ok(attempt.taken)
  assert.equal(attempt.lock.tookOverFrom?.doing, 'run region-freeze')
  await attempt.lock.release()
})

test('a later process with the id of a dead holder is not taken for it', async (context) => {
  const file = lockFile(context)
  writeFileSync(file, JSON.stringify({ pid: process.pid, doing: 'up', since: 'then' }))
  const attempt = await tryLock(file, 'down')
  assert.ok(attempt.taken)
  await attempt.lock.release()
})

test('a torn lock file holds nothing up', async (context) => {
  const file = lockFile(context)
  writeFileSync(file, '{"pid":')
  const attempt = await tryLock(file, 'down')
  assert.ok(attempt.taken)
  await attempt.lock.release()
})

test('a look tells a held lock, a free one, and one whose holder died, and takes none of them', async (context) => {
  const file = lockFile(context)
  assert.equal((await lookAtLock(file)).state, 'free')
  assert.equal(existsSync(file), false)
  const first = await tryLock(file, 'run region-loss')
  assert.ok(first.taken)
  const seen = await lookAtLock(file)
  assert.deepEqual([seen.state, seen.holder?.pid], ['held', process.pid])
  await first.lock.release()
  assert.equal((await lookAtLock(file)).state, 'free')
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(file, JSON.stringify({ pid: dead, doing: 'run region-freeze', since: 'then' }))
  for (let look = 0; look < 2; look += 1) {
    const sight = await lookAtLock(file)
    assert.deepEqual([sight.state, sight.holder?.doing], ['dead', 'run region-freeze'])
  }
  const second = await tryLock(file, 'up')
  assert.ok(second.taken)
  await second.lock.release()
})

const contender = `
import { closeSync, openSync, rmSync } from 'node:fs'
import { lookAtLock, tryLock } from '${new URL('process-lock.ts', import.meta.url).href}'
const [file, rounds, dies] = process.argv.slice(1)
for (let round = 0; round < Number(rounds); round += 1) {
  let attempt = await tryLock(file, 'contend')
  while (!attempt.taken) attempt = await tryLock(file, 'contend')
  await using lock = attempt.lock
  if (lock.tookOverFrom !== null) rmSync(file + '.inside', { force: true })
  closeSync(openSync(file + '.inside', 'wx'))
  await new Promise((resolve) => setImmediate(resolve))
  if (dies === 'yes' && round === Number(rounds) - 1) process.kill(process.pid, 'SIGKILL')
  rmSync(file + '.inside')
}
`

test('of many processes one at a time holds a lock, while others die with it in their hands', async (context) => {
  const file = lockFile(context)
  const contend = async (dies: 'yes' | 'no'): Promise<unknown> => {
    const flags = ['--input-type=module', '-e', contender]
    const child = spawn(process.execPath, [...flags, file, '50', dies], { stdio: 'inherit' })
    return (await once(child, 'exit'))[dies === 'yes' ? 1 : 0]
  }
  const plan = [...Array.from({ length: 4 }, () => 'no' as const), ...Array.from({ length: 6 }, () => 'yes' as const)]
  assert.deepEqual(
    await Promise.all(plan.map(contend)),
    plan.map((dies) => (dies === 'yes' ? 'SIGKILL' : 0)),
  )
})
