// Waiting: for a while, or for something but not too long.

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What `promise` settles on within `ms`, else null; null too if it fails, which whoever began it has logged. */
export async function within<Value>(promise: Promise<Value>, ms: number, signal?: AbortSignal): Promise<Value | null> {
  const { promise: expired, resolve, reject } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), ms)
  const abort = (): void => reject(signal?.reason as Error)
  signal?.addEventListener('abort', abort)
  try {
    return await Promise.race([promise.catch(() => null), expired])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
