// Work that must not run twice at once, asked for by several callers.

/**
 * A caller that comes while the work is under way gets the next run, which begins after its call; so do all that come until then.
 * @returns a function that does the work, and rejects as the run that it waited for does
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  let queued: Promise<void> | null = null
  const run = (): Promise<void> => {
    if (running === null) {
      running = work().finally(() => {
        running = null
      })
      return running
    }
    queued ??= running
      .catch(() => {})
      .then(() => {
        queued = null
        return run()
      })
    return queued
  }
  return run
}
