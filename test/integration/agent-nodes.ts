// Three Postgres nodes under their agents on one network, without controllers: the tests give the orders.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import Docker from 'dockerode'
import {
  agentStatus,
  followReply,
  promiseReply,
  promoteReply,
  type AgentStatus,
  type FollowReply,
  type PromiseReply,
  type PromoteReply,
} from '#protocol/agent.ts'
import type { History } from '#protocol/epoch.ts'
import { lastOctet, ports, regionHosts, regions, type Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { call, CallRefused } from '#runtime/http.ts'
import { z } from 'zod'

const image = 'firedrill-postgres'
const secrets = { control: 'c'.repeat(32), fence: 'f'.repeat(32), postgres: 'p'.repeat(32) }
const docker = new Docker()

/** Polls until `look` gives something. */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false>,
  timeoutMs = 30_000,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await look()
    if (value !== null && value !== undefined && value !== false) return value
    assert.ok(performance.now() < deadline, `expected ${what} within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export class AgentNode {
  readonly region: Region
  readonly container: Docker.Container
  #port = 0

  constructor(region: Region, container: Docker.Container) {
    this.region = region
    this.container = container
  }

  async start(): Promise<void> {
    await this.container.start()
    const about = await this.container.inspect()
    this.#port = Number(about.NetworkSettings.Ports[`${ports.control}/tcp`]?.[0]?.HostPort)
    await eventually(`${this.region} to be a standby`, async () => {
      const status = await this.status().catch(() => null)
      return status !== null && (!status.whole || (status.state === 'standby' && status.position !== null))
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}; its log:\n${await this.log()}`, { cause: error })
    })
  }

  async log(): Promise<string> {
    return (await this.container.logs({ stdout: true, stderr: true, tail: 60 }))
      .toString()
      .replaceAll(/.*("level":.*)/g, '$1')
  }

  async kill(): Promise<void> {
    await this.container.kill()
  }

  async #call<Shape extends z.ZodType>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    reply: Shape,
  ): Promise<z.infer<Shape>> {
    const authority = `127.0.0.1:${this.#port}`
    return call({ method, authority, path, token: secrets.control, body, reply, timeoutMs: 20_000 })
  }

  status(): Promise<AgentStatus> {
    return this.#call('GET', '/status', undefined, agentStatus)
  }

  promise(epoch: number): Promise<PromiseReply> {
    return this.#call('POST', '/promise', { epoch }, promiseReply)
  }

  promote(epoch: number, commit: CommitMode = 'quorum'): Promise<PromoteReply> {
    return this.#call('POST', '/promote', { epoch, commit }, promoteReply)
  }

  /** As a controller does: asked again while the node, whose Postgres is coming up, does not know where its WAL ends. */
  follow(epoch: number, primary: Region, history: History): Promise<FollowReply> {
    return eventually(`${this.region} to know the end of its WAL`, async () => {
      try {
        return await this.#call('POST', '/follow', { epoch, primary, history }, followReply)
      } catch (error) {
        if (error instanceof CallRefused && error.message.includes('ask again')) return null
        throw error
      }
    })
  }

  get<Shape extends z.ZodType>(path: string, reply: Shape): Promise<z.infer<Shape>> {
    return this.#call('GET', path, undefined, reply)
  }

  /** Output of a command in the container. */
  async run(...command: string[]): Promise<string> {
    const exec = await this.container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true })
    const stream = await exec.start({})
    const output = new PassThrough()
    docker.modem.demuxStream(stream, output, output)
    stream.once('end', () => output.end())
    let text = ''
    for await (const chunk of output) text += String(chunk)
    return text.trim()
  }

  sql(statement: string): Promise<string> {
    return this.run('psql', '-U', 'agent', '-d', 'firedrill', '-AtX', '-c', statement)
  }

  /** Writes an order; the answer comes when the commit is vouched for. */
  order(key: string): Promise<string> {
    return this.sql(`INSERT INTO orders (id, idempotency_key, request_hash, customer, item, quantity, region, epoch)
      VALUES (gen_random_uuid(), '${key}', '', 'c', 'i', 1, '${this.region}', 0)`)
  }

  async keys(): Promise<string[]> {
    const text = await this.sql('SELECT idempotency_key FROM orders ORDER BY 1')
    return text === '' ? [] : text.split('\n')
  }

  async events(): Promise<{ kind: string; reason: string }[]> {
    return (
      await this.get('/events', z.object({ events: z.array(z.object({ kind: z.string(), reason: z.string() })) }))
    ).events
  }

  async exports(): Promise<string[]> {
    return (await this.get('/exports', z.object({ exports: z.array(z.string()) }))).exports
  }

  async streams(from: Region): Promise<void> {
    await eventually(`${this.region} to stream from ${from}`, async () => {
      const status = await this.status()
      return status.whole && status.following === from
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}; its log:\n${await this.log()}`, { cause: error })
    })
  }
}

export class AgentNodes implements AsyncDisposable {
  readonly a: AgentNode
  readonly b: AgentNode
  readonly c: AgentNode
  readonly #network: Docker.Network

  private constructor(network: Docker.Network, nodes: AgentNode[]) {
    this.#network = network
    const [a, b, c] = nodes
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    this.a = a
    this.b = b
    this.c = c
  }

  /** @param net the first three numbers of a /24 */
  static async start(net: string, commit: CommitMode = 'quorum'): Promise<AgentNodes> {
    const label = { 'firedrill.world': `test-agent-${randomBytes(3).toString('hex')}` }
    const network = await docker.createNetwork({
      Name: label['firedrill.world'],
      Labels: label,
      IPAM: { Config: [{ Subnet: `${net}.0/24`, Gateway: `${net}.254` }] },
    })
    const nodes: AgentNode[] = []
    try {
      for (const region of regions)
        nodes.push(new AgentNode(region, await createContainer(network.id, net, region, commit, label)))
      await Promise.all(nodes.map((node) => node.start()))
      return new AgentNodes(network, nodes)
    } catch (error) {
      await remove(network, nodes)
      throw error
    }
  }

  get all(): AgentNode[] {
    return [this.a, this.b, this.c]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.#network, this.all)
  }
}

/** An ordinary failover: all promise, one is promoted, the others follow it. Returns the epoch's history. */
export async function failOverTo(epoch: number, primary: AgentNode, followers: AgentNode[]): Promise<History> {
  const promises = await Promise.all([primary, ...followers].map((node) => node.promise(epoch)))
  const own = promises[0]
  assert.ok(own?.position)
  const history = [...own.history, { epoch, startLsn: own.position.lsn }]
  const [reply] = await Promise.all([
    primary.promote(epoch),
    ...followers.map((node) => node.follow(epoch, primary.region, history)),
  ])
  assert.deepEqual(reply.history, history)
  await Promise.all(followers.map((node) => node.streams(primary.region)))
  return history
}

async function createContainer(
  network: string,
  net: string,
  region: Region,
  commit: CommitMode,
  labels: Record<string, string>,
): Promise<Docker.Container> {
  const address = (site: Region): string => `${net}.${lastOctet(site, regionHosts.postgres)}`
  const container = await docker.createContainer({
    Image: image,
    name: `${labels['firedrill.world']}-${region}`,
    Labels: labels,
    Env: [
      `FIREDRILL_SITE=${region}`,
      `FIREDRILL_COMMIT=${commit}`,
      `FIREDRILL_NETS=${Array.from({ length: 6 }, () => net).join(',')}`,
      'FIREDRILL_SECRETS=/run/secrets.json',
      `SECRETS=${JSON.stringify(secrets)}`,
    ],
    Cmd: ['sh', '-c', 'printenv SECRETS > /run/secrets.json; exec node orchestrator/agent/main.ts'],
    ExposedPorts: { [`${ports.control}/tcp`]: {} },
    HostConfig: {
      Init: true,
      NetworkMode: network,
      Binds: codeBinds(),
      PortBindings: { [`${ports.control}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
      ExtraHosts: regions.flatMap((site) => [
        `postgres.${site}:${address(site)}`,
        `controller.${site}:${net}.${lastOctet(site, regionHosts.controller)}`,
      ]),
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address(region) } } } },
  })
  return container
}

/** For development: the checkout's code instead of the image's. */
function codeBinds(): string[] {
  const root = process.env['FIREDRILL_TEST_CODE']
  return root === undefined
    ? []
    : ['protocol', 'runtime', 'orchestrator'].map((folder) => `${root}/${folder}:/firedrill/${folder}:ro`)
}

async function remove(network: Docker.Network, nodes: readonly AgentNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.container.remove({ force: true, v: true })))
  await network.remove()
}
