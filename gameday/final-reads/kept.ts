// A session with a store that is opened when it is first needed, and anew after an error.

export class Kept<Session extends AsyncDisposable> implements AsyncDisposable {
  readonly #open: () => Promise<Session>
  #session: Promise<Session> | null = null

  constructor(open: () => Promise<Session>) {
    this.#open = open
  }

  /** @throws whatever opening or the work throws; the session is closed then */
  async use<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    try {
      this.#session ??= this.#open()
      return await work(await this.#session)
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = await this.#session?.catch(() => null)
    this.#session = null
    await session?.[Symbol.asyncDispose]()
  }
}
