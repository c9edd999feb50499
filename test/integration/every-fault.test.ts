// Every kind of fault in one whole world, and the faults of containers in all their forms: injected, proven, healed, proven healed.
// Prints what was seen and how long it took. More forms of the others: network-faults.test.ts, store-faults.test.ts.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { everyExample } from '#chaos/fault-examples.ts'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { handlerOf } from '#chaos/library.ts'
import { readLedger } from '#chaos/wan-calls.ts'
import { missingForWhole } from '#gameday/conditions.ts'
import { viewWorld } from '#gameday/view-world.ts'
import { faultSpec, type FaultKind } from '#protocol/faults.ts'
import { manualDrill } from '#protocol/wan.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn, type DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { firedrill } from './firedrill.ts'
import { eventually } from './rig.ts'

const docker = dockerOf(loadHostConfig())
const name = `test-faults-${randomBytes(3).toString('hex')}`
/** What they break comes back by itself, maybe before anybody heals. */
const overAtOnce: readonly FaultKind[] = ['process-crash', 'postgres-crash', 'redis-empty']

describe('every fault in a whole world', () => {
  let world: DockerWorld
  const isWhole = (): Promise<unknown> =>
    eventually('a whole world', async () => missingForWhole(await viewWorld(world)).length === 0, 120_000)
  const timed = async <Value>(work: Promise<Value>): Promise<readonly [Value, number]> => {
    const beganMs = performance.now()
    return [await work, (performance.now() - beganMs) / 1000]
  }

  before(async () => {
    const { exitCode, stderr } = await firedrill('up', '--world', name, '--set', 'disk=512MiB')
    assert.equal(exitCode, 0, stderr)
    world = await openWorldOn(docker, name)
    await isWhole()
  })

  after(async () => {
    world.wayIn.close()
    await removeWorld(docker, name)
  })

  for (const [at, { kind, words }] of everyExample().entries())
    test(`${kind} ${JSON.stringify(words)}`, async (t) => {
      const spec = faultSpec.parse({ ...words, kind, id: `x${at}`, for: '10m' })
      const [{ entry }, injectSeconds] = await timed(injectFault(world, manualDrill, spec))
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
})
