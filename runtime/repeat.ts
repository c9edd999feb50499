/**
 * Calls `work` at once, and again `pauseMs` after each time that it has ended.
 * @param work never rejects
 * @returns ends it; what is under way goes on to its end
 */
export function repeat(work: () => Promise<void>, pauseMs: number): () => void {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const next = (): void => {
    void work().finally(() => {
      if (!isStopped) timer = setTimeout(next, pauseMs)
    })
  }
  next()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}
