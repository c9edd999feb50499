// Locks of processes: exclusion, takeover from the dead, no lock left behind.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { livingHolder, tryLock } from './process-lock.ts'

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
  writeFileSync(file, JSON.stringify({ pid: dead, startedAt: '1', doing: 'run region-freeze', since: 'then' }))
  assert.equal(await livingHolder(file), null)
  const attempt = await tryLock(file, 'up')
  assert.ok(attempt.taken)
  assert.equal(attempt.lock.tookOverFrom?.doing, 'run region-freeze')
  await attempt.lock.release()
})

test('a later process with the id of a dead holder is not taken for it', async (context) => {
  const file = lockFile(context)
  writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt: '1', doing: 'up', since: 'then' }))
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
