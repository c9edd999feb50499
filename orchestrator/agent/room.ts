// Watches the room on the node's disk. A Postgres whose next segment of WAL can't be written may answer questions for long,
// while it refuses whatever needs a new page, and ends when it needs that segment: it counts as one that doesn't answer.
import { statfs } from 'node:fs/promises'
import { repeat } from '#runtime/repeat.ts'

const intervalMs = 200
/** A segment of WAL, and what the agent itself keeps. */
const leastBytes = 2 * 2 ** 20

export class Room {
  readonly #path: string
  readonly #changed: (isShort: boolean) => void
  #stop: () => void = () => {}
  #isShort = false

  /** @param changed called after each change */
  constructor(path: string, changed: (isShort: boolean) => void) {
    this.#path = path
    this.#changed = changed
  }

  get isShort(): boolean {
    return this.#isShort
  }

  start(): void {
    this.#stop = repeat(() => this.#look(), intervalMs)
  }

  stop(): void {
    this.#stop()
  }

  async #look(): Promise<void> {
    // A disk that can't even be asked shows in Postgres itself.
    const found = await statfs(this.#path).catch(() => null)
    if (found === null) return
    const isShort = found.bavail * found.bsize < leastBytes
    if (isShort === this.#isShort) return
    this.#isShort = isShort
    this.#changed(isShort)
  }
}
