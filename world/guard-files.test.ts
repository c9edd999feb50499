// The end of a guard, with a process that stands in for it: it has gone when `endGuard` says so.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { checkout } from './checkout.ts'
import { endGuard, forgetGuard } from './guard-files.ts'
import { isAlive } from './process-lock.ts'

/** @returns its process id, once it holds the lock of the world's guard */
async function startGuard(context: TestContext, world: string, whenAsked: string): Promise<number> {
  const program = `
import { tryLock } from '#world/process-lock.ts'
import { guardLockFile } from '#world/world-files.ts'
const rest = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
await tryLock(guardLockFile('${world}'), 'a guard')
process.on('SIGTERM', () => { ${whenAsked} })
process.stdout.write('up')
setInterval(() => {}, 1000)
`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => {
    child.kill('SIGKILL')
    forgetGuard(world)
  })
  await once(child.stdout, 'data')
  assert.ok(child.pid)
  return child.pid
}

for (const [how, whenAsked] of [
  ['lets go of its lock before it has gone', `process.on('exit', () => rest(300)); process.exit(0)`],
  ['does not listen', ''],
] as const)
  void test(`a guard that ${how} has gone when its end is told`, async (context) => {
    const world = `test-guard-${randomBytes(3).toString('hex')}`
    const pid = await startGuard(context, world, whenAsked)
    assert.equal(await endGuard(world), true)
    assert.equal(isAlive(pid), false)
    assert.equal(await endGuard(world), false)
  })
