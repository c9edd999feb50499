// A thin port to Postgres: one session, or a bounded pool of them; and the warning that turns a commit's success into a maybe.
import { Client, type ClientConfig, type QueryResult } from 'pg'

export type Target = {
  /** A host name, or the folder of a Unix socket. */
  host: string
  port: number
  user: string
  password?: string
  database: string
  applicationName: string
  connectTimeoutMs: number
}

function settings(target: Target): ClientConfig {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    ...(target.password === undefined ? {} : { password: target.password }),
    database: target.database,
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: true,
  }
}

/** A query was not answered in time; the session is closed, what became of the statement is unknown. */
export class QueryTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`expected an answer of Postgres within ${timeoutMs} ms, saw none`)
    this.name = 'QueryTimeout'
  }
}

/**
 * The warning of a commit that stopped waiting for synchronous replication (a cancel, or a change of settings): the answer says
 * success, but nobody has vouched for the commit.
 */
export function isUnvouched(notice: { code?: string | undefined; routine?: string | undefined }): boolean {
  return notice.code === '01000' && notice.routine === 'SyncRepWaitForLSN'
}

const statementNames = new Map<string, string>()

/** Statements with values are prepared once in each session: planning them anew would cost more than running them. */
function statementName(text: string): string {
  const name = statementNames.get(text) ?? `s${statementNames.size + 1}`
  statementNames.set(text, name)
  return name
}

export type Answer = { rows: Readonly<Record<string, unknown>>[]; unvouched: boolean }

/** One connection. Statements run one after another. */
export class Session {
  readonly #client: Client
  #unvouched = false
  #isOpen = true

  private constructor(client: Client) {
    this.#client = client
    client.on('notice', (notice) => {
      if (isUnvouched(notice)) this.#unvouched = true
    })
    client.on('end', () => (this.#isOpen = false))
    // A lost connection rejects the statement under way; without one there is nothing to tell.
    client.on('error', () => (this.#isOpen = false))
  }

  /** @throws Error if no connection is had within the target's time */
  static async open(target: Target): Promise<Session> {
    const client = new Client(settings(target))
    const session = new Session(client)
    try {
      await client.connect()
    } catch (error) {
      session.close()
      throw error
    }
    return session
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * @param timeoutMs absent: waits as long as the server does
   * @throws QueryTimeout after `timeoutMs`; pg.DatabaseError; any other Error if the connection broke
   */
  async query(text: string, values: readonly unknown[] = [], timeoutMs?: number): Promise<Answer> {
    this.#unvouched = false
    const running =
      values.length === 0
        ? this.#client.query(text)
        : this.#client.query({ name: statementName(text), text, values: [...values] })
    if (timeoutMs === undefined) return this.#answer(await running)
    const { promise: expired, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      this.close()
      reject(new QueryTimeout(timeoutMs))
    }, timeoutMs)
    try {
      return this.#answer(await Promise.race([running, expired]))
    } finally {
      clearTimeout(timer)
      running.catch(() => undefined)
    }
  }

  #answer(result: QueryResult<Record<string, unknown>> | QueryResult<Record<string, unknown>>[]): Answer {
    const last = Array.isArray(result) ? result.at(-1) : result
    return { rows: last?.rows ?? [], unvouched: this.#unvouched }
  }

  /** At once, whatever is under way. */
  close(): void {
    this.#isOpen = false
    this.#client.end().catch(() => undefined)
    // `end` is polite and waits for a server that may hang.
    this.#client.connection.stream.destroy()
  }
}
