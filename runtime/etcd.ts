// Port to etcd by its JSON gateway (/v3): transactions, reads, leases, leadership. Keys and values are text.
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { z } from 'zod'

/** etcd answered with an error; whether a write was done is unknown unless the text says otherwise. */
export class EtcdError extends Error {
  readonly endpoint: string
  constructor(endpoint: string, reason: string) {
    super(`etcd at ${endpoint}: ${reason}`)
    this.name = 'EtcdError'
    this.endpoint = endpoint
  }
}

export interface KeyValue {
  readonly key: string
  readonly value: string
  /** Revision of the key's last change; text, since it is 64 bits wide. */
  readonly modRevision: string
  /** Id of the lease it hangs on; `0` for none. */
  readonly leaseId: string
}

export interface Put {
  readonly key: string
  readonly value: string
  readonly leaseId?: string
}

const encode = (text: string): string => Buffer.from(text).toString('base64')
const decode = (text: string): string => Buffer.from(text, 'base64').toString()

const keyValue = z
  .object({
    key: z.string(),
    value: z.string().default(''),
    mod_revision: z.string(),
    lease: z.string().default('0'),
  })
  .transform((raw): KeyValue => ({
    key: decode(raw.key),
    value: decode(raw.value),
    modRevision: raw.mod_revision,
    leaseId: raw.lease,
  }))
const header = z.object({ revision: z.string().default('0'), member_id: z.string().default('0') })
const rangeReply = z.object({ header, kvs: z.array(keyValue).default([]) })
const txnReply = z.object({ header, succeeded: z.boolean().default(false) })
const grantReply = z.object({ ID: z.string(), TTL: z.string() })
const keepAliveReply = z.object({ result: z.object({ ID: z.string(), TTL: z.string().default('0') }) })
const statusReply = z.object({ header, leader: z.string().default('0') })
const membersReply = z.object({ members: z.array(z.object({ ID: z.string(), name: z.string().default('') })) })

/** How long a member that failed is asked after the others. */
const avoidMs = 3000
/** What a member can't answer without its leader. */
const throughLeader: ReadonlySet<string> = new Set([
  '/v3/kv/range',
  '/v3/kv/txn',
  '/v3/kv/deleterange',
  '/v3/lease/grant',
])
const hedgeMs = 250

export class Etcd {
  readonly #endpoints: readonly string[]
  readonly #failedAtMs = new Map<string, number>()
  /** Whose last call that needs the leader failed. They may answer others, but writes are asked of them last. */
  readonly #cutOff = new Set<string>()
  readonly #dispatcher = new Agent({ connect: { timeout: 1000 }, keepAliveTimeout: 60_000, pipelining: 1 })
  readonly #now: () => number

  /**
   * @param endpoints `etcd.a:2379`-like authorities, the local member first
   * @param now monotonic milliseconds
   */
  constructor(endpoints: readonly string[], now: () => number) {
    this.#endpoints = endpoints
    this.#now = now
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  /** Linearizable read of all keys that begin with `prefix`. Another member is asked too if the first is slow or fails. */
  async readPrefix(prefix: string, timeoutMs: number): Promise<readonly KeyValue[]> {
    const body = { key: encode(prefix), range_end: encode(after(prefix)) }
    const reply = await this.#hedged((endpoint) => this.#post(endpoint, '/v3/kv/range', body, rangeReply, timeoutMs))
    return reply.kvs
  }

  /**
   * Puts all of `puts` if `key` was last changed at `revision` (`0`: it does not exist). One attempt: it goes to another member
   * only if the first refused the connection.
   * @returns whether it was done, and the revision at which
   * @throws EtcdError or another Error if nobody knows whether it was done
   */
  async swap(
    key: string,
    revision: string,
    puts: readonly Put[],
    timeoutMs: number,
  ): Promise<{ readonly done: boolean; readonly revision: string }> {
    const body = {
      compare: [{ key: encode(key), target: 'MOD', result: 'EQUAL', mod_revision: revision }],
      success: puts.map((each) => ({
        request_put: { key: encode(each.key), value: encode(each.value), lease: each.leaseId ?? '0' },
      })),
    }
    const reply = await this.#once((endpoint) => this.#post(endpoint, '/v3/kv/txn', body, txnReply, timeoutMs))
    return { done: reply.succeeded, revision: reply.header.revision }
  }

  async remove(key: string, timeoutMs: number): Promise<void> {
    const body = { key: encode(key) }
    await this.#hedged((endpoint) => this.#post(endpoint, '/v3/kv/deleterange', body, z.unknown(), timeoutMs))
  }

  /** @returns the id of a new lease that lives `ttlS` seconds after its last renewal */
  async grantLease(ttlS: number, timeoutMs: number): Promise<string> {
    const reply = await this.#once((endpoint) =>
      this.#post(endpoint, '/v3/lease/grant', { TTL: String(ttlS) }, grantReply, timeoutMs),
    )
    return reply.ID
  }

  /** @returns false if the lease has run out */
  async keepLeaseAlive(leaseId: string, timeoutMs: number): Promise<boolean> {
    const reply = await this.#once((endpoint) =>
      this.#post(endpoint, '/v3/lease/keepalive', { ID: leaseId }, keepAliveReply, timeoutMs),
    )
    return Number(reply.result.TTL) > 0
  }

  async revokeLease(leaseId: string, timeoutMs: number): Promise<void> {
    await this.#once((endpoint) => this.#post(endpoint, '/v3/lease/revoke', { ID: leaseId }, z.unknown(), timeoutMs))
  }

  /** Member ids by name. */
  async members(timeoutMs: number): Promise<ReadonlyMap<string, string>> {
    const body = { linearizable: false }
    const reply = await this.#hedged((endpoint) =>
      this.#post(endpoint, '/v3/cluster/member/list', body, membersReply, timeoutMs),
    )
    return new Map(reply.members.map((each) => [each.name, each.ID]))
  }

  /** Id of the leader as the first reachable member sees it; null while there is none. */
  async leader(timeoutMs: number): Promise<string | null> {
    const reply = await this.#hedged((endpoint) =>
      this.#post(endpoint, '/v3/maintenance/status', {}, statusReply, timeoutMs),
    )
    return reply.leader === '0' ? null : reply.leader
  }

  /** Must be asked of the leader itself. */
  async transferLeadership(leaderEndpoint: string, memberId: string, timeoutMs: number): Promise<void> {
    const path = '/v3/maintenance/transfer-leadership'
    await this.#post(leaderEndpoint, path, { targetID: memberId }, z.unknown(), timeoutMs)
  }

  /** Members in the order in which to ask them: as given, those that failed lately last. */
  #order(): readonly string[] {
    return this.#last(
      (endpoint) => this.#now() - (this.#failedAtMs.get(endpoint) ?? Number.NEGATIVE_INFINITY) < avoidMs,
    )
  }

  #last(unfit: (endpoint: string) => boolean): readonly string[] {
    return [...this.#endpoints.filter((each) => !unfit(each)), ...this.#endpoints.filter(unfit)]
  }

  /** One member; the next one only if the connection was refused, so that nothing was sent. */
  async #once<Reply>(ask: (endpoint: string) => Promise<Reply>): Promise<Reply> {
    let last: unknown = new EtcdError('none', 'expected at least one endpoint, saw none')
    // A write goes to one member only. Reads, which others answer as well, find out whether a member is well again.
    for (const endpoint of this.#last((each) => this.#cutOff.has(each))) {
      try {
        return await ask(endpoint)
      } catch (error) {
        last = error
        if (!neverSent(error)) throw error
      }
    }
    throw last
  }

  /** Reads and idempotent calls: the next member is asked too after `hedgeMs` or a failure; the first answer wins. */
  async #hedged<Reply>(ask: (endpoint: string) => Promise<Reply>): Promise<Reply> {
    const answered = new AbortController()
    let before: Promise<unknown> = Promise.resolve()
    const attempts = this.#order().map((endpoint, index) => {
      const slow = index === 0 ? Promise.resolve() : delay(hedgeMs * index, undefined, { signal: answered.signal })
      const attempt = Promise.race([slow, before]).then(async () => ask(endpoint))
      // A failure lets the next one start at once; a success never does.
      before = attempt.then(never, () => undefined)
      return attempt
    })
    try {
      return await Promise.any(attempts)
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    } finally {
      answered.abort()
    }
  }

  async #post<Shape extends z.ZodType>(
    endpoint: string,
    path: string,
    body: unknown,
    shape: Shape,
    timeoutMs: number,
  ): Promise<z.infer<Shape>> {
    try {
      const response = await request(`http://${endpoint}${path}`, {
        dispatcher: this.#dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await response.body.text()
      if (response.statusCode !== 200)
        throw new EtcdError(endpoint, `${path} answered ${response.statusCode}: ${text.trim()}`)
      const reply = shape.parse(JSON.parse(text))
      if (throughLeader.has(path)) {
        this.#failedAtMs.delete(endpoint)
        this.#cutOff.delete(endpoint)
      }
      return reply
    } catch (error) {
      this.#failedAtMs.set(endpoint, this.#now())
      if (throughLeader.has(path)) this.#cutOff.add(endpoint)
      throw error
    }
  }
}

/** Stays pending. */
async function never(): Promise<never> {
  return new Promise<never>(() => undefined)
}

/** The first key after all that begin with `prefix`. */
function after(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1)
  return prefix.slice(0, -1) + String.fromCharCode(last + 1)
}

function neverSent(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? (error as { cause?: { code?: string } }).cause?.code
  return (
    code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENOTFOUND' || code === 'UND_ERR_CONNECT_TIMEOUT'
  )
}
