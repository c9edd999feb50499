// Questions to one region's Postgres, through the way in.
import { ports, type Region } from '#protocol/sites.ts'
import { Session } from '#runtime/postgres.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { Kept } from './kept.ts'

/** What the stores of a world are read through. */
export type StoresOf = Pick<RunningWorld, 'wayIn' | 'secrets'>

export type Row = Readonly<Record<string, unknown>>

const connectTimeoutMs = 5000
const answerWithinMs = 20_000

class Opened implements AsyncDisposable {
  readonly session: Session
  readonly #close: () => Promise<void>

  constructor(session: Session, close: () => Promise<void>) {
    this.session = session
    this.#close = close
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.close()
    await this.#close()
  }
}

async function open({ wayIn, secrets }: StoresOf, region: Region): Promise<Opened> {
  const forward = await wayIn.forward(`postgres.${region}`, ports.postgres)
  try {
    const session = await Session.open({
      host: '127.0.0.1',
      port: forward.port,
      user: 'firedrill',
      password: secrets.postgres,
      database: 'firedrill',
      applicationName: 'firedrill-final-reads',
      connectTimeoutMs,
    })
    return new Opened(session, () => forward.close())
  } catch (error) {
    await forward.close()
    throw error
  }
}

export class RegionPostgres implements AsyncDisposable {
  readonly region: Region
  readonly #kept: Kept<Opened>

  constructor(world: StoresOf, region: Region) {
    this.region = region
    this.#kept = new Kept(() => open(world, region))
  }

  /** One statement at a time. @throws Error if Postgres can't be asked, or did not answer within 20 s */
  async ask(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#kept.use(async ({ session }) => (await session.query(text, values, answerWithinMs)).rows)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kept[Symbol.asyncDispose]()
  }
}
