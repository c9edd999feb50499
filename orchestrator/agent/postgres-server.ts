// The Postgres process under the agent: starts it, always as a standby; stops it; tells at once when it ends.
import { spawn, execFileSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { Session, type Target } from '#runtime/postgres.ts'
import type { Log } from '#runtime/log.ts'
import { paths } from './paths.ts'
import { killPostgres, sendSignal } from './processes.ts'
import { pause } from './waits.ts'

/** `crashed`: it ended without having been told to. */
export type ServerState = 'stopped' | 'starting' | 'up' | 'crashed'

export type Account = { uid: number; gid: number }

/** The numeric ids of user postgres, who runs whatever belongs to Postgres. */
export function postgresAccount(): Account {
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const local = {
  host: paths.sockets,
  port: 5432,
  user: 'agent',
  database: 'firedrill',
  connectTimeoutMs: 2000,
} as const

/** The way in over the Unix socket. */
export function localTarget(applicationName: string): Target {
  return { ...local, applicationName }
}

export class PostgresServer {
  readonly account = postgresAccount()
  readonly #log: Log
  readonly #clock: Readonly<Record<string, string>>
  readonly #changed: () => void
  #child: ChildProcess | null = null
  #state: ServerState = 'stopped'
  #stopping = false

  /** @param changed called at once after each change of state */
  constructor(log: Log, clock: Readonly<Record<string, string>>, changed: () => void) {
    this.#log = log
    this.#clock = clock
    this.#changed = changed
  }

  get state(): ServerState {
    return this.#state
  }

  #become(state: ServerState): void {
    if (this.#state === state) return
    this.#state = state
    this.#changed()
  }

  /** Starts Postgres as a standby. Settings must have been written. Returns once the process runs; `ready` waits for more. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new Error('expected Postgres to be stopped, saw it running')
    await killPostgres(10_000)
    await rm(`${paths.data}/postmaster.pid`, { force: true })
    await rm(`${paths.data}/recovery.signal`, { force: true })
    await writeFile(`${paths.data}/standby.signal`, '', { mode: 0o600 })
    const child = spawn(`${paths.programs}/postgres`, [`--config-file=${paths.config}`], {
      ...this.account,
      cwd: paths.data,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { PGSERVICEFILE: paths.services, LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin', ...this.#clock },
    })
    this.#child = child
    this.#stopping = false
    this.#become('starting')
    const ended = (what: string): void => {
      if (this.#child !== child) return
      this.#child = null
      if (this.#stopping) return this.#become('stopped')
      this.#log.error(
        { what },
        'Postgres ended without having been told to; it stays down until a controller gives an order',
      )
      this.#become('crashed')
    }
    child.once('exit', (code, signal) => ended(signal === null ? `exit code ${code}` : `signal ${signal}`))
    child.once('error', (error) => ended(error.message))
  }

  /**
   * A session, as soon as Postgres gives one: a standby does once it has reached consistency.
   * @throws Error if Postgres ends meanwhile, or `signal` is aborted
   */
  async ready(signal: AbortSignal, applicationName: string): Promise<Session> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#child === null) throw new Error('expected Postgres to come up, saw it end; its log has the reason')
      try {
        const session = await Session.open(localTarget(applicationName))
        if (this.#child !== null) this.#become('up')
        return session
      } catch {
        await pause(20)
      }
    }
  }

  /** Makes Postgres read its settings again. It returns early: who needs the effect must see it. */
  reload(): void {
    if (this.#child?.pid !== undefined) sendSignal(this.#child.pid, 'SIGHUP')
  }

  /** `immediate`: no goodbye to anybody, as a fence must be; `fast`: a clean end. Returns once nothing of it lives. */
  async stop(how: 'immediate' | 'fast'): Promise<void> {
    const child = this.#child
    if (child !== null && child.pid !== undefined) {
      this.#stopping = true
      const exit = once(child, 'exit')
      sendSignal(child.pid, how === 'immediate' ? 'SIGQUIT' : 'SIGINT')
      const inTime = await Promise.race([
        exit.then(() => true),
        pause(how === 'immediate' ? 500 : 10_000).then(() => false),
      ])
      if (!inTime) {
        this.#log.warn({ how }, 'Postgres did not end in time and is killed')
        await killPostgres(10_000)
        await exit
      }
    }
    await killPostgres(10_000)
    this.#become('stopped')
  }
}
