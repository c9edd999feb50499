// The operations of one plan in the order in which they ended, as NDJSON lines; memory is bounded by dropping the oldest.
import type { Operation } from '#protocol/operation.ts'

/** About 350 bytes each: 30 min at 300 a second and some more, so that nothing is dropped while nobody can fetch. */
const defaultLimit = 600_000
/** The oldest are dropped by the tenth at most, so that appending stays cheap. */
const mostInChunk = 1000

export interface OperationLog {
  append(operation: Operation): void
  /** Index of the oldest line that is still kept, and of the next to come. */
  first(): number
  next(): number
  /** At most `count` lines from index `from` (not below `first()`) on, each with its newline. */
  from(index: number, count: number): readonly string[]
}

/**
 * Lines lie in chunks outside of the heap of JavaScript, which is small in a container with many processes and holds no plan of half an
 * hour.
 */
export function createOperationLog(limit = defaultLimit): OperationLog {
  const inChunk = Math.max(1, Math.min(mostInChunk, Math.floor(limit / 10)))
  let chunks: Buffer[] = []
  let dropped = 0
  let open: string[] = []
  const next = (): number => dropped + chunks.length * inChunk + open.length
  const linesOf = (chunk: Buffer): string[] => chunk.toString().split(/(?<=\n)/)
  return {
    append(operation) {
      open.push(`${JSON.stringify(operation)}\n`)
      if (open.length < inChunk) return
      chunks.push(Buffer.from(open.join('')))
      open = []
      if (chunks.length * inChunk <= limit) return
      chunks = chunks.slice(1)
      dropped += inChunk
    },
    first: () => dropped,
    next,
    from(index, count) {
      const found: string[] = []
      let at = index
      while (at < next() && found.length < count) {
        const place = Math.floor((at - dropped) / inChunk)
        const chunk = chunks[place]
        const lines = chunk === undefined ? open : linesOf(chunk)
        const begin = at - dropped - place * inChunk
        const taken = lines.slice(begin, begin + count - found.length)
        found.push(...taken)
        at += taken.length
      }
      return found
    },
  }
}
