// A whole world through the front door: up, seen, used, half killed, and gone again without a trace.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import Dockerode from 'dockerode'
import { z } from 'zod'
import { loadHostConfig } from '#runtime/config.ts'
import { CallRefused } from '#runtime/http.ts'
import { checkout } from '#world/checkout.ts'
import { findEndpoint } from '#world/docker-endpoint.ts'
import { DockerWayIn } from '#world/docker-way-in.ts'
import { type DockerWorld, openWorldOn } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { standardTargets, worldLabel } from '#world/world-containers.ts'
import { commandLine, firedrill } from './firedrill.ts'

const docker = new Dockerode(findEndpoint(loadHostConfig()).options)
const name = `test-world-${randomBytes(3).toString('hex')}`

function start(...argv: readonly string[]): ReturnType<typeof spawn> {
  return spawn(process.execPath, [commandLine, ...argv], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function leftOf(world: string): Promise<number> {
  const label = [`${worldLabel}=${world}`]
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters: { label } }),
    docker.listNetworks({ filters: { label } }),
    docker.listVolumes({ filters: { label } }),
  ])
  return containers.length + networks.length + (volumes.Volumes ?? []).length
}

/** Networks that `down` says Docker can't let go, since it has miscounted who is on them: a fault of Docker 20.10 until its restart. */
function keptByDocker(stderr: string): number {
  return /Docker keeps (.+), though no container is on it/.exec(stderr)?.[1]?.split(', ').length ?? 0
}

describe('a world', () => {
  let world: DockerWorld

  before(async () => {
    const { exitCode, stderr } = await firedrill('up', '--world', name)
    assert.equal(exitCode, 0, stderr)
    world = await openWorldOn(docker, name)
  })

  after(async () => {
    world.wayIn.close()
    await removeWorld(docker, name)
  })

  test('has every container, and one primary that both others follow', async () => {
    const { exitCode, stdout } = await firedrill('status', '--world', name, '--json')
    assert.equal(exitCode, 0)
    const status = JSON.parse(stdout) as {
      containers: readonly { state: string }[]
      controllers: readonly { status: { epoch: { primary: string } } }[]
      faults: readonly unknown[]
    }
    assert.equal(status.containers.filter(({ state }) => state === 'running').length, standardTargets.length)
    assert.deepEqual(
      status.controllers.map(({ status: each }) => each.epoch.primary),
      ['a', 'a', 'a'],
    )
    assert.deepEqual(status.faults, [])
  })

  test('is used as it is by a second up of the same topology', async () => {
    const before = (await world.containers()).map(({ id }) => id)
    const { exitCode, stderr } = await firedrill('up', '--world', name)
    assert.equal(exitCode, 0)
    assert.match(stderr, /is up already/)
    assert.deepEqual(
      (await world.containers()).map(({ id }) => id),
      before,
    )
  })

  test('lets nobody in without its token', async () => {
    const facts = await docker.getContainer(await world.id({ site: null, service: 'wan' })).inspect()
    const port = Number(facts.NetworkSettings.Ports['7000/tcp']?.[0]?.HostPort)
    const wayIn = new DockerWayIn({ host: '127.0.0.1', port, token: 'wrong', controlToken: 'wrong' })
    const call = { method: 'GET', path: '/clock', reply: z.unknown(), timeoutMs: 3000 } as const
    await assert.rejects(wayIn.wan(call), (error) => error instanceof CallRefused && error.status === 401)
    await assert.rejects(
      wayIn.connect('postgres.a', 5432),
      (error) => error instanceof CallRefused && error.status === 407,
    )
    wayIn.close()
  })

  test('carries a listener on the loopback address to a host of a site', async () => {
    const forwarded = await world.wayIn.forward('app.b', 8080)
    const status = await new Promise((resolve, reject) => {
      http
        .get({ port: forwarded.port, path: '/livez', agent: false }, (response) =>
          resolve(response.resume().statusCode),
        )
        .once('error', reject)
    })
    assert.equal(status, 200)
    await forwarded.close()
  })

  test('kills, starts, pauses and unpauses many containers, and again without harm', async () => {
    const targets = [
      { site: 'c', service: 'redis' },
      { site: 'c', service: 'dns' },
    ] as const
    const states = async (): Promise<readonly string[]> =>
      (await world.containers())
        .filter(({ site, service }) => site === 'c' && (service === 'redis' || service === 'dns'))
        .map(({ state }) => state)
    for (const [act, expected] of [
      ['kill', 'exited'],
      ['start', 'running'],
      ['pause', 'paused'],
      ['unpause', 'running'],
    ] as const) {
      await world[act](targets)
      await world[act](targets)
      assert.deepEqual(await states(), [expected, expected], act)
    }
    const { exitCode, stdout } = await world.exec({ site: 'c', service: 'redis' }, ['redis-cli', 'ping'])
    assert.deepEqual([exitCode, stdout], [0, 'PONG\n'])
    assert.match(await world.logs({ site: 'a', service: 'app' }), /"name":"app"/)
  })

  test('starts the containers of a region one after another', async () => {
    const services = ['kafka', 'etcd', 'postgres', 'controller', 'redis', 'app', 'dns', 'bridge'] as const
    const targets = services.map((service) => ({ site: 'c', service }) as const)
    await world.kill(targets)
    await world.start(targets.toReversed())
    const startedAt = async (target: (typeof targets)[number]): Promise<string> =>
      (await docker.getContainer(await world.id(target)).inspect()).State.StartedAt
    const times = await Promise.all(targets.map(startedAt))
    assert.deepEqual(times, times.toSorted())
    const app = await world.wayIn.connect('app.c', 8080)
    app.destroy()
  })

  test('whose WAN was killed is brought back by heal, from a fresh process', async () => {
    await world.kill([{ site: null, service: 'wan' }])
    const { exitCode, stdout, stderr } = await firedrill('heal', '--world', name)
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /wan \(exited\) brought back/)
    await using again = await openWorldOn(docker, name)
    const stream = await again.wayIn.connect('app.b', 8080)
    stream.destroy()
  })

  test('that is half gone is removed whole by down, from a fresh process', async () => {
    await world.kill([
      { site: null, service: 'wan' },
      { site: 'a', service: 'postgres' },
    ])
    await docker.getContainer(await world.id({ site: 'b', service: 'etcd' })).remove({ force: true })
    const { exitCode, stdout, stderr } = await firedrill('down', '--world', name)
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /is gone/)
    assert.equal(await leftOf(name), keptByDocker(stderr), stderr)
    assert.match((await firedrill('down', '--world', name)).stdout, /nothing to remove/)
  })
})

test('an up that is interrupted leaves nothing', async () => {
  const world = `${name}-interrupted`
  const child = start('up', '--world', world)
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close')
  while ((await leftOf(world)) === 0 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 100))
  child.kill('SIGINT')
  const [exitCode] = (await ended) as [number]
  assert.equal(exitCode, 3, stderr)
  assert.match(stderr, /interrupted; nothing of world .* is left/)
  assert.equal(await leftOf(world), 0)
})

test('a busy world is refused with who is busy, and the lock of a killed holder is taken over', async () => {
  const world = `${name}-busy`
  const holder = start('up', '--world', world)
  while ((await leftOf(world)) === 0 && holder.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 100))
  const refused = await firedrill('down', '--world', world)
  assert.equal(refused.exitCode, 3)
  assert.match(refused.stderr, new RegExp(`world ${world} is held by "up" of user .*, process ${holder.pid} on host`))
  holder.kill('SIGKILL')
  await once(holder, 'close')
  const removed = await firedrill('down', '--world', world)
  assert.equal(removed.exitCode, 0, removed.stderr)
  assert.match(removed.stderr, /took over world .* which has died/)
  assert.equal(await leftOf(world), keptByDocker(removed.stderr), removed.stderr)
})

test('a port in use is named, and nothing is left', async (context) => {
  const world = `${name}-port`
  const server = http.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const port = (server.address() as { port: number }).port
  const child = spawn(process.execPath, [commandLine, 'up', '--world', world], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, FIREDRILL_PORT: String(port) },
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [exitCode] = (await once(child, 'close')) as [number]
  assert.equal(exitCode, 3)
  assert.match(stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`))
  assert.equal(await leftOf(world), 0)
})

test('an address range without room is named', async () => {
  const world = `${name}-range`
  const child = spawn(process.execPath, [commandLine, 'up', '--world', world], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, FIREDRILL_NETWORK_BASE: '127.0.0.0/21' },
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [exitCode] = (await once(child, 'close')) as [number]
  assert.equal(exitCode, 3)
  assert.match(stderr, /every \/21 of 127\.0\.0\.0\/21 is in use/)
  assert.equal(await leftOf(world), 0)
})
