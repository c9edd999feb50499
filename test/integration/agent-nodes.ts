// Three Postgres nodes under their agents on one network, without controllers: the tests give the orders.
import assert from 'node:assert/strict'
import { z } from 'zod'
import {
  agentStatus,
  followReply,
  promiseReply,
  promoteReply,
  timelineReply,
  type AgentStatus,
  type FollowReply,
  type PromiseReply,
  type PromoteReply,
  type TimelineNotice,
  type TimelineReply,
} from '#protocol/agent.ts'
import type { History } from '#protocol/epoch.ts'
import { lastOctet, ports, regionHosts, regions, type Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { call, CallRefused } from '#runtime/http.ts'
import { eventually, Rig, type RigNetwork, type StartedRigContainer } from './rig.ts'

const secrets = { control: 'c'.repeat(32), fence: 'f'.repeat(32), postgres: 'p'.repeat(32) }

export class AgentNode {
  readonly region: Region
  readonly #container: StartedRigContainer
  #authority = ''

  private constructor(region: Region, container: StartedRigContainer) {
    this.region = region
    this.#container = container
  }

  static async run(region: Region, rig: Rig, network: RigNetwork, commit: CommitMode): Promise<AgentNode> {
    const address = (site: Region, host: 'postgres' | 'controller'): string =>
      `${network.net}.${lastOctet(site, regionHosts[host])}`
    const hosts = (['postgres', 'controller'] as const).flatMap((host) =>
      regions.map((site): [string, string] => [`${host}.${site}`, address(site, host)]),
    )
    const container = await rig
      .container('postgres')
      .withName(`${rig.name}-${region}`)
      // Static, since a node lets its peers in by address.
      .withAddress(network, address(region, 'postgres'))
      .withHosts(Object.fromEntries(hosts))
      .withEnvironment({
        FIREDRILL_SITE: region,
        FIREDRILL_COMMIT: commit,
        FIREDRILL_NETS: Array.from({ length: 6 }, () => network.net).join(','),
        FIREDRILL_SECRETS: '/run/secrets.json',
        // A busy machine must not decide what is asked.
        FIREDRILL_TIMELINE_LOOK_MS: '10000',
      })
      .withCopyContentToContainer([{ content: JSON.stringify(secrets), target: '/run/secrets.json' }])
      .withExposedPorts(ports.control)
      .run()
    const node = new AgentNode(region, container)
    await node.#untilStandby()
    return node
  }

  /** After a kill. */
  async start(): Promise<void> {
    await this.#container.start()
    await this.#untilStandby()
  }

  async #untilStandby(): Promise<void> {
    this.#authority = await this.#container.at(ports.control)
    await this.#withLog(
      eventually(`${this.region} to be a standby`, async () => {
        const status = await this.status().catch(() => null)
        return status !== null && (!status.whole || (status.state === 'standby' && status.position !== null))
      }),
    )
  }

  async log(): Promise<string> {
    return (await this.#container.log()).replaceAll(/.*("level":.*)/g, '$1')
  }

  async #withLog<Value>(work: Promise<Value>): Promise<Value> {
    return work.catch(async (error: Error) => {
      throw new Error(`${error.message}; its log:\n${await this.log()}`, { cause: error })
    })
  }

  async kill(): Promise<void> {
    await this.#container.kill()
  }

  async #call<Shape extends z.ZodType>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    reply: Shape,
  ): Promise<z.infer<Shape>> {
    return call({ method, authority: this.#authority, path, token: secrets.control, body, reply, timeoutMs: 20_000 })
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
  follow(epoch: number, primary: Region, history: History, ahead = false): Promise<FollowReply> {
    return eventually(`${this.region} to know the end of its WAL`, async () => {
      try {
        return await this.#call('POST', '/follow', { epoch, primary, history, ahead }, followReply)
      } catch (error) {
        if (error instanceof CallRefused && error.message.includes('ask again')) return null
        throw error
      }
    })
  }

  /** The word of a promotion, as the promoted node's agent tells it. */
  hear(notice: TimelineNotice): Promise<TimelineReply> {
    return this.#call('POST', '/timeline', notice, timelineReply)
  }

  get<Shape extends z.ZodType>(path: string, reply: Shape): Promise<z.infer<Shape>> {
    return this.#call('GET', path, undefined, reply)
  }

  /** Output of a command in the container. */
  async run(...command: string[]): Promise<string> {
    return (await this.#container.exec(command)).output.trim()
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
    await this.#withLog(
      eventually(`${this.region} to stream from ${from}`, async () => {
        const status = await this.status()
        return status.whole && status.following === from
      }),
    )
  }
}

export class AgentNodes implements AsyncDisposable {
  readonly a: AgentNode
  readonly b: AgentNode
  readonly c: AgentNode
  readonly #rig: Rig

  private constructor(rig: Rig, nodes: AgentNode[]) {
    this.#rig = rig
    const [a, b, c] = nodes
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    this.a = a
    this.b = b
    this.c = c
  }

  static async start(commit: CommitMode = 'quorum'): Promise<AgentNodes> {
    const rig = await Rig.open('agent')
    try {
      const network = await rig.network()
      return new AgentNodes(
        rig,
        await Promise.all(regions.map(async (region) => AgentNode.run(region, rig, network, commit))),
      )
    } catch (error) {
      await rig[Symbol.asyncDispose]()
      throw error
    }
  }

  get all(): AgentNode[] {
    return [this.a, this.b, this.c]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]()
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
