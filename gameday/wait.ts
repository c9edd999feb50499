// Waiting that Ctrl-C ends at once, and polling with a deadline.
import { messageOf } from '#runtime/message-of.ts'

/** Ctrl-C, or whatever else ended the drill from outside. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** Says why, where the signal's reason is an error. */
export function interruptedBy(signal: AbortSignal): Interrupted {
  return new Interrupted(signal.reason instanceof Error ? signal.reason.message : 'interrupted')
}

export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interruptedBy(signal)
}

/** @throws Interrupted */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(interruptedBy(signal))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

/**
 * Looks until nothing is missing any more.
 * @param look what is missing, one sentence each; empty: done
 * @returns what was missing at the last look: empty if done in time
 * @throws Interrupted
 */
export async function until(
  look: () => Promise<readonly string[]>,
  withinMs: number,
  signal: AbortSignal,
  note: (text: string) => void = () => {},
): Promise<readonly string[]> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const missing = await look()
    if (missing.length === 0 || performance.now() > deadline) return missing
    note(missing[0] ?? '')
    await pause(250, signal)
  }
}

/**
 * Asks until there is an answer.
 * @throws the last error once `withinMs` has passed; Interrupted
 */
export async function untilAnswered<Answer>(
  ask: () => Promise<Answer>,
  withinMs: number,
  signal: AbortSignal,
  note: (text: string) => void = () => {},
): Promise<Answer> {
  const deadline = performance.now() + withinMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof Interrupted || performance.now() > deadline) throw error
      note(messageOf(error))
    }
    await pause(250, signal)
  }
}
