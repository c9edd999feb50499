// Copies of one store are never read at one instant: what differs is looked at again before it counts.
import { until } from '../wait.ts'

/** Asks which of `differing` still differ, again and again until none does or there is no time left; once at least. */
export type Settle = <Item>(
  differing: readonly Item[],
  again: (items: readonly Item[]) => Promise<readonly Item[]>,
) => Promise<readonly Item[]>

/** @param withinMs for everything that is settled by it together, counted from the first difference */
export function settling(withinMs: number, signal: AbortSignal, note: (text: string) => void): Settle {
  let deadline: number | null = null
  return async (differing, again) => {
    if (differing.length === 0) return differing
    deadline ??= performance.now() + withinMs
    let left = differing
    const look = async (): Promise<readonly string[]> => {
      left = await again(left)
      return left.length === 0 ? [] : [`${left.length} differ so far`]
    }
    await until(look, Math.max(0, deadline - performance.now()), signal, note)
    return left
  }
}
