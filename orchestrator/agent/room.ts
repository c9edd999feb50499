// Watches the room on the node's disk. A Postgres whose next segment of WAL can't be written may answer questions for long,
// while it refuses whatever needs a new page, and ends when it needs that segment: it counts as one that doesn't answer.
import { statfs } from 'node:fs/promises'
import { repeat } from '#runtime/repeat.ts'

const intervalMs = 200
/** A segment of WAL, and what the agent itself keeps. */
const leastBytes = 2 * 2 ** 20

/** @returns null for a disk that can't even be asked: that shows in Postgres itself */
async function freeBytesOn(path: string): Promise<number | null> {
  const found = await statfs(path).catch(() => null)
  return found === null ? null : found.bavail * found.bsize
}

export class Room {
  readonly #path: string
  readonly #freeBytesOn: typeof freeBytesOn
  readonly #changed: (isShort: boolean) => void
  #stop: () => void = () => {}
  #isShort = false

  /** @param changed called after each change */
  constructor(path: string, changed: (isShort: boolean) => void, freeBytes = freeBytesOn) {
    this.#path = path
    this.#changed = changed
    this.#freeBytesOn = freeBytes
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
    const freeBytes = await this.#freeBytesOn(this.#path)
    if (freeBytes === null) return
    const isShort = freeBytes < leastBytes
    if (isShort === this.#isShort) return
    this.#isShort = isShort
    this.#changed(isShort)
  }
}
