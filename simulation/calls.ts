// A request and its answer over TCP. Either may come late or never; whoever asked hears an answer or a failure, once.
import type { LinkClass, Network } from './network.ts'
import type { Process } from './process.ts'

export interface Call<Reply> {
  readonly network: Network
  readonly from: Process
  readonly to: Process
  readonly kind: LinkClass
  readonly timeoutMs: number
  /** Runs in the process that is asked, perhaps long after the time-out. */
  readonly serve: (answer: (reply: Reply) => void) => void
  /** Null: no answer came, and nobody knows whether the request was served. */
  readonly done: (reply: Reply | null, reason: string) => void
}

export function call<Reply>({ network, from, to, kind, timeoutMs, serve, done }: Call<Reply>): void {
  let isDone = false
  const { run } = from
  const end = (reply: Reply | null, reason: string): void => {
    // The connection died with the run that asked: its successor hears no answer.
    if (isDone || from.run !== run) return
    isDone = true
    done(reply, reason)
  }
  const back = (reply: Reply | null, reason: string): void =>
    network.message(to.site, from.site, kind, () => from.deliver(() => end(reply, reason)), timeoutMs)
  from.after(timeoutMs, () => end(null, 'time-out'))
  network.message(
    from.site,
    to.site,
    kind,
    () => {
      if (to.isUp) to.deliver(() => serve((reply) => back(reply, '')))
      else back(null, 'connection refused')
    },
    timeoutMs,
  )
}
