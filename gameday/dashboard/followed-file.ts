// A file of lines that grows while it is read: each read gives what came since the last.
import { open } from 'node:fs/promises'

export class FollowedFile {
  readonly path: string
  #offset = 0
  #rest = ''

  constructor(path: string) {
    this.path = path
  }

  /** Whole lines that came since the last read; none while there is no such file. One that was made anew is read from its beginning. */
  async read(): Promise<readonly string[]> {
    const file = await open(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (file === null) {
      this.#offset = 0
      return []
    }
    try {
      const { size } = await file.stat()
      if (size < this.#offset) [this.#offset, this.#rest] = [0, '']
      if (size === this.#offset) return []
      const { bytesRead, buffer } = await file.read(
        Buffer.alloc(size - this.#offset),
        0,
        size - this.#offset,
        this.#offset,
      )
      this.#offset += bytesRead
      const lines = (this.#rest + buffer.subarray(0, bytesRead).toString()).split('\n')
      this.#rest = lines.pop() ?? ''
      return lines.filter((line) => line !== '')
    } finally {
      await file.close()
    }
  }
}
