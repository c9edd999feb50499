// Taking a world down, played against a Docker in memory: what miscounts the endpoints of a network, and what is only slow.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import type Dockerode from 'dockerode'
import { freeProjectName } from './compose.ts'
import { removeWorld } from './down.ts'
import { EnvironmentError } from './environment-error.ts'

const endpointsError = 'error while removing network: network n has active endpoints'

interface FakeNetwork {
  readonly name: string
  /** What Docker's inspection says is on it. */
  readonly containers: number
  /** How often its removal is refused; Infinity: always. */
  refusals: number
  readonly refusal?: string
  /** It is gone by the time that it is looked at. */
  readonly isFleeting?: true
}

/** The part of Docker that `down` and `up` use, with Docker's own words for what it refuses. */
class FakeDocker {
  readonly containers = new Set<string>()
  readonly volumes = new Set<string>()
  readonly networks = new Map<string, FakeNetwork>()
  tries = 0

  readonly port = {
    listContainers: async () => [...this.containers].map((name) => ({ Id: name, Names: [`/${name}`] })),
    listNetworks: async () => [...this.networks.values()].map(({ name }) => ({ Id: name, Name: name })),
    listVolumes: async () => ({ Volumes: [...this.volumes].map((name) => ({ Name: name })) }),
    getContainer: (name: string) => ({ remove: async () => this.containers.delete(name) }),
    getVolume: (name: string) => ({ remove: async () => this.volumes.delete(name) }),
    getNetwork: (name: string) => ({
      remove: async () => this.#removeNetwork(name),
      inspect: async () => this.#inspectNetwork(name),
    }),
  } as unknown as Dockerode

  #inspectNetwork(name: string): unknown {
    const network = this.networks.get(name)
    if (network?.isFleeting === true) this.networks.delete(name)
    if (network === undefined || network.isFleeting === true)
      throw Object.assign(new Error('no such network'), { statusCode: 404 })
    return { Containers: Object.fromEntries(Array.from({ length: network.containers }, (_, index) => [index, {}])) }
  }

  #removeNetwork(name: string): void {
    const network = this.networks.get(name)
    if (network === undefined) throw Object.assign(new Error('no such network'), { statusCode: 404 })
    this.tries += 1
    if (network.refusals > 0) {
      network.refusals -= 1
      throw Object.assign(new Error(network.refusal ?? endpointsError), { statusCode: 403 })
    }
    this.networks.delete(name)
  }
}

let docker: FakeDocker
beforeEach(() => {
  docker = new FakeDocker()
  let nowMs = 0
  mock.method(performance, 'now', () => nowMs)
  // Each wait is over at once, and the clock has moved by it.
  mock.method(globalThis, 'setTimeout', (work: () => void, ms = 0) => {
    nowMs += ms
    queueMicrotask(work)
  })
})
afterEach(() => mock.reset())

const has = (network: FakeNetwork): unknown => docker.networks.set(network.name, network)

test('everything that carries the label goes', async () => {
  docker.containers.add('app').add('wan')
  docker.volumes.add('secrets')
  has({ name: 'firedrill-x_site-a', containers: 0, refusals: 0 })
  assert.deepEqual(await removeWorld(docker.port, 'test-x'), {
    containers: 2,
    networks: 1,
    volumes: 1,
    stuckNetworks: [],
  })
})

test('a network that Docker only needs some time for goes', async () => {
  has({ name: 'firedrill-x_site-a', containers: 0, refusals: 3 })
  assert.deepEqual((await removeWorld(docker.port, 'test-x')).stuckNetworks, [])
  assert.equal(docker.tries, 4)
})

test('a network whose endpoints Docker miscounts stops nothing: the rest goes, and it is named', async () => {
  docker.containers.add('app')
  docker.volumes.add('secrets')
  has({ name: 'firedrill-x_site-a', containers: 0, refusals: Infinity })
  has({ name: 'firedrill-x_site-b', containers: 0, refusals: 0 })
  const removed = await removeWorld(docker.port, 'test-x')
  assert.deepEqual(removed, { containers: 1, networks: 1, volumes: 1, stuckNetworks: ['firedrill-x_site-a'] })
})

test('a network that a container is on is not called stuck: down fails, says what is left and what to do', async () => {
  has({ name: 'firedrill-x_site-a', containers: 1, refusals: Infinity })
  await assert.rejects(
    removeWorld(docker.port, 'test-x'),
    (error) =>
      error instanceof EnvironmentError &&
      /left: firedrill-x_site-a \(.*active endpoints\); run the same command again/.test(error.message),
  )
})

test('a network that is refused for another reason is not called stuck', async () => {
  has({ name: 'firedrill-x_site-a', containers: 0, refusals: Infinity, refusal: 'the disk is on fire' })
  await assert.rejects(removeWorld(docker.port, 'test-x'), /left: firedrill-x_site-a \(the disk is on fire\)/)
})

test('a network that goes while it is looked at is gone', async () => {
  has({ name: 'firedrill-x_site-a', containers: 0, refusals: Infinity, isFleeting: true })
  assert.deepEqual((await removeWorld(docker.port, 'test-x')).stuckNetworks, [])
})

test('up takes the name of no network that Docker keeps', async () => {
  assert.equal(await freeProjectName(docker.port, 'x'), 'firedrill-x')
  has({ name: 'firedrill-x_site-a', containers: 0, refusals: Infinity })
  assert.equal(await freeProjectName(docker.port, 'x'), 'firedrill-x-2')
  has({ name: 'firedrill-x-2_site-c', containers: 0, refusals: Infinity })
  assert.equal(await freeProjectName(docker.port, 'x'), 'firedrill-x-3')
})

test('networks of a world whose name begins alike do not take the name', async () => {
  has({ name: 'firedrill-x-y_site-a', containers: 0, refusals: 0 })
  assert.equal(await freeProjectName(docker.port, 'x'), 'firedrill-x')
})
