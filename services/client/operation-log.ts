// The operations of one plan in the order in which they ended, as NDJSON lines; memory is bounded by dropping the oldest.
import type { Operation } from '#protocol/operation.ts'

/** About 350 bytes each: 30 min at 300 a second and some more, so that nothing is dropped while nobody can fetch. */
const defaultLimit = 600_000

export interface OperationLog {
  append(operation: Operation): void
  /** Index of the oldest line that is still kept, and of the next to come. */
  first(): number
  next(): number
  /** At most `count` lines from index `from` (not below `first()`) on, each with its newline. */
  from(index: number, count: number): readonly string[]
}

export function createOperationLog(limit = defaultLimit): OperationLog {
  let lines: string[] = []
  let dropped = 0
  return {
    append(operation) {
      lines.push(`${JSON.stringify(operation)}\n`)
      // Dropped by the tenth, so that appending stays cheap.
      if (lines.length <= limit) return
      const excess = Math.max(1, Math.floor(limit / 10))
      lines = lines.slice(excess)
      dropped += excess
    },
    first: () => dropped,
    next: () => dropped + lines.length,
    from: (index, count) => lines.slice(index - dropped, index - dropped + count),
  }
}
