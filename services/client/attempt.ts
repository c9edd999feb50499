// One attempt over HTTP: sent at most once, bounded in time, and its end told apart by whether it was sent at all.
import { Agent, type Dispatcher } from 'undici'
import { monotonicNs } from '#runtime/clock.ts'
import type { Ending } from './classify.ts'

export interface AttemptRequest {
  /** `http://host:port`. */
  readonly origin: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly timeoutMs: number
}

const maxBodyBytes = 65_536

/**
 * Connections as a browser keeps them: no pipelining, as many as are needed at once, idle ones closed by us well before the
 * other side would (HAProxy 60 s, the order service longer), so that no request meets a connection that is just being closed.
 */
export function createConnections(): Agent {
  return new Agent({
    connect: { timeout: 1000 },
    pipelining: 1,
    keepAliveTimeout: 10_000,
    keepAliveMaxTimeout: 10_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

/** Never rejects: an error is an ending too. */
export function attempt(dispatcher: Dispatcher, request: AttemptRequest): Promise<Ending> {
  return new Promise((resolve) => {
    let sentNs: bigint | null = null
    let status: number | null = null
    let controller: Dispatcher.DispatchController | null = null
    let ended = false
    const chunks: Buffer[] = []
    let bodyBytes = 0
    const finish = (body: string | null, error: string | null): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      resolve({ sentNs, status, body, error })
    }
    const timer = setTimeout(() => {
      finish(null, 'timeout')
      controller?.abort(new Error('timeout'))
    }, request.timeoutMs)
    dispatcher.dispatch(
      {
        origin: request.origin,
        path: request.path,
        method: request.method,
        headers: request.headers,
        body: request.body,
      },
      {
        onRequestStart(started) {
          // Called before the first byte is written: what was given up while it waited for a connection is never sent.
          if (ended) {
            started.abort(new Error('given up'))
            return
          }
          controller = started
          sentNs = monotonicNs()
        },
        onResponseStart(_controller, statusCode) {
          if (statusCode >= 200) status = statusCode
        },
        onResponseData(receiving, chunk) {
          bodyBytes += chunk.length
          if (bodyBytes > maxBodyBytes) receiving.abort(new Error('answer too long'))
          else chunks.push(chunk)
        },
        onResponseEnd() {
          finish(Buffer.concat(chunks).toString('utf8'), null)
        },
        onResponseError(_controller, error) {
          finish(null, (error as NodeJS.ErrnoException).code ?? error.message)
        },
      },
    )
  })
}
