// Every kind of fault in a whole world: injected, proven, healed, proven healed; and those that end by themselves end when nobody
// heals them. Prints what was seen and how long it took.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { everyExample, faultExamples } from '#chaos/fault-examples.ts'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { handlerOf } from '#chaos/library.ts'
import { eraseLedger, linkChanges, readFence, readLedger } from '#chaos/wan-calls.ts'
import { missingForWhole } from '#gameday/conditions.ts'
import { viewWorld } from '#gameday/view-world.ts'
import { faultKinds, faultSpec, type FaultKind } from '#protocol/faults.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn, type DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { lookAtLock } from '#world/process-lock.ts'
import { guardLockFile } from '#world/world-files.ts'
import { eventually } from './rig.ts'

const docker = dockerOf(loadHostConfig())
const name = `test-faults-${randomBytes(3).toString('hex')}`
/** Ended by the WAN or a server of ours itself, with no guard. */
const selfEnding = faultKinds.filter((kind) => ['the WAN', 'the DNS server'].includes(handlerOf(kind).endsBy ?? ''))
/** What they break comes back by itself, maybe before anybody heals. */
const overAtOnce: readonly FaultKind[] = ['process-crash', 'postgres-crash', 'redis-empty']

async function firedrill(...argv: readonly string[]): Promise<void> {
  const main = join(checkout, 'cli', 'main.ts')
  const child = spawn(process.execPath, [main, ...argv], { cwd: checkout, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [exitCode] = (await once(child, 'exit')) as [number | null]
  assert.equal(exitCode, 0, stderr)
}

/** Nobody but the test and the world itself may heal. */
async function killGuard(): Promise<void> {
  const { state, holder } = await lookAtLock(guardLockFile(name))
  assert.equal(state, 'held')
  process.kill(holder.pid, 'SIGKILL')
  await eventually('the end of the guard', async () => (await lookAtLock(guardLockFile(name))).state !== 'held')
}

describe('every fault in a whole world', () => {
  let world: DockerWorld
  const isWhole = (): Promise<unknown> =>
    eventually('a whole world', async () => missingForWhole(await viewWorld(world)).length === 0, 120_000)
  const timed = async <Value>(work: Promise<Value>): Promise<readonly [Value, number]> => {
    const beganMs = performance.now()
    return [await work, (performance.now() - beganMs) / 1000]
  }

  before(async () => {
    await firedrill('up', '--world', name, '--set', 'disk=512MiB')
    world = await openWorldOn(docker, name)
    await killGuard()
    await isWhole()
  })

  after(async () => {
    world.wayIn.close()
    await removeWorld(docker, name)
  })

  for (const [at, { kind, words }] of everyExample().entries())
    test(`${kind} ${JSON.stringify(words)}`, async (t) => {
      const spec = faultSpec.parse({ ...words, kind, id: `x${at}`, for: '10m' })
      const [{ entry }, injectSeconds] = await timed(injectFault(world, 'test', spec))
      const [proof, proofSeconds] = await timed(
        proveFault(world, entry).catch(async (error: unknown) => {
          await healFault(world, entry)
          throw error
        }),
      )
      const early = overAtOnce.includes(kind)
        ? null
        : await handlerOf(kind)
            .isHealed(world, entry)
            .catch(() => null)
      const [healProof, healSeconds] = await timed(healFault(world, entry))
      const [, wholeSeconds] = await timed(isWhole())
      t.diagnostic(`injected ${injectSeconds.toFixed(1)} s, proven ${proofSeconds.toFixed(1)} s: ${proof}`)
      t.diagnostic(`healed ${healSeconds.toFixed(1)} s, world whole ${wholeSeconds.toFixed(1)} s: ${healProof}`)
      assert.equal(early, null, 'counted as healed while it was in force')
      assert.deepEqual(await readLedger(world), [])
    })

  const forms = Math.max(...selfEnding.map((kind) => faultExamples[kind].length))
  for (let form = 0; form < forms; form += 1) {
    const cases = selfEnding.flatMap((kind) => {
      const words = faultExamples[kind][form]
      return words === undefined ? [] : [{ kind, words }]
    })
    const kinds = cases.map((each) => each.kind).join(', ')
    test(`${kinds} (form ${form + 1}): end by themselves when their time is over and nobody heals`, async () => {
      const entries = []
      for (const { kind, words } of cases) entries.push((await injectFault(world, 'test', specOf(kind, words))).entry)
      await eventually('no change of a link', async () => (await linkChanges(world)).length === 0)
      await eventually('a fence device that works', async () => (await readFence(world)).broken === null)
      for (const entry of entries) {
        await eventually(`the end of ${entry.kind}`, async () => handlerOf(entry.kind).isHealed(world, entry))
        await eraseLedger(world, entry.id)
      }
      await isWhole()
    })
  }

  function specOf(kind: FaultKind, words: object): ReturnType<typeof faultSpec.parse> {
    return faultSpec.parse({ ...words, kind, id: `ends-${kind}`, for: '1s' })
  }
})
