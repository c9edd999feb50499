// A session of random drills in a world of its own: a run passes with every check, Ctrl-C in the next heals, and nothing is left.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import Dockerode from 'dockerode'
import { loadHostConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { findEndpoint } from '#world/docker-endpoint.ts'
import { removeWorld } from '#world/down.ts'
import { listWorlds } from '#world/world-containers.ts'

const docker = new Dockerode(findEndpoint(loadHostConfig()).options)
const seed = '1'
const world = `test-fuzz-${randomBytes(3).toString('hex')}`

after(async () => {
  await removeWorld(docker, world)
  await rm(join(checkout, '.firedrill', 'fuzz', world), { recursive: true, force: true })
})

void test('a random drill passes, Ctrl-C in the next one heals it, and the world that was made goes again', async () => {
  const argv = ['fuzz', '--world', world, '--seed', seed, '--runs', '3', '--steps']
  const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...argv], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const lines: string[] = []
  let passed = false
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      passed ||= line.startsWith('run 1: ')
      if (passed && line.startsWith('✔ Fault: ')) child.kill('SIGINT')
    })
  const [exitCode] = await ended
  const seen = lines.join('\n')
  assert.equal(exitCode, 2, seen)
  assert.match(seen, /^fuzz --seed 1: 3 runs in world /m)
  assert.match(seen, /^run 1: pass in /m)
  assert.match(seen, /SIGINT: healing what the run has broken/)
  assert.match(seen, /^✔ Heal and end the load$/m)
  assert.match(seen, /^1 of 3 runs in .*: 0 with violations, 0 unknown$/m)
  assert.ok(!existsSync(join(checkout, '.firedrill', 'fuzz', world, 'latest', 'journal.json')), 'no drill is kept')
  assert.ok(!(await listWorlds(docker)).includes(world), seen)
})
