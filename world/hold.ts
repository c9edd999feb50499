// A hold of a world, on the holder's side: one connection to the WAN, which is made again after the WAN was away.
import http from 'node:http'
import type { Socket } from 'node:net'
import {
  holdAnswer,
  holdBeatMs,
  holdUpgrade,
  type Holder,
  type HoldAnswer,
  type HoldName,
  type HoldSight,
} from '#protocol/holds.ts'
import { CallRefused } from '#runtime/http.ts'
import { onLines } from '#runtime/lines.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { WayInAddress } from './docker-way-in.ts'
import { holderWords } from './holder.ts'

const answersWithinMs = 3000
const releasesWithinMs = 1000
const againAfterMs = 200
/** So many beats of the WAN that are not heard: the connection leads nowhere any more. */
const silentBeats = 6
const releaseLine = '{"release":true}\n'

/** The WAN of a world, at one time. */
export interface WanPlace {
  /** Of its container: another id is another world of the same name. */
  readonly id: string
  readonly address: WayInAddress
}

/** Where the WAN is now. @throws Error while that can't be said; `gone`: there is none any more */
export type LocateWan = () => Promise<WanPlace | 'gone'>

export interface HoldOptions {
  readonly world: string
  readonly name: HoldName
  readonly holder: Holder
  readonly locate: LocateWan
}

export type HoldAttempt =
  | { readonly taken: true; readonly hold: Hold; readonly from: Holder | null }
  | { readonly taken: false; readonly sight: HoldSight }

interface Connected {
  readonly socket: Socket
  readonly answers: Answers
  readonly answer: Extract<HoldAnswer, { taken: boolean }>
}

/** @throws CallRefused with 404 from a WAN that knows no holds; Error if it does not answer */
export async function takeHold(options: HoldOptions): Promise<HoldAttempt> {
  const place = await options.locate()
  if (place === 'gone') throw new Error(`world ${options.world} has no WAN`)
  const connected = await connect(place.address, options)
  const { answer, socket } = connected
  if (answer.taken) return { taken: true, hold: new Hold(options, place.id, connected), from: answer.from }
  socket.destroy()
  return answer
}

export class Hold implements AsyncDisposable {
  readonly #options: HoldOptions
  readonly #wanId: string
  readonly #lost = new AbortController()
  #socket: Socket
  #isOver = false
  #comesBack = true
  #beat: NodeJS.Timeout
  #silent = 0

  constructor(options: HoldOptions, wanId: string, connected: Connected) {
    this.#options = options
    this.#wanId = wanId
    this.#socket = connected.socket
    this.#beat = setInterval(() => this.#listen(), holdBeatMs).unref()
    this.#follow(connected)
  }

  /** Aborted once somebody else has the world, or the WAN has ended this hold; never because the WAN is away for a time. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Which world's WAN it is of. */
  get wanId(): string {
    return this.#wanId
  }

  /** Lets go, and says so if the WAN hears it: then nobody takes the holder for dead. */
  async release(): Promise<void> {
    if (this.#isOver) return
    this.#end()
    const socket = this.#socket
    if (socket.destroyed) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, releasesWithinMs)
      socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.end(releaseLine)
    })
    socket.destroy()
  }

  /** The WAN is about to be removed by the holder himself: the hold stays as long as that stands, and nobody is missed then. */
  endsWithWan(): void {
    this.#comesBack = false
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #end(): void {
    this.#isOver = true
    clearInterval(this.#beat)
  }

  #lose(why: string): void {
    if (this.#isOver) return
    this.#end()
    this.#socket.destroy()
    this.#lost.abort(new Error(why))
  }

  /** Counted in beats of one's own, so that a holder that was frozen hears first what has come meanwhile. */
  #listen(): void {
    this.#silent += 1
    if (this.#silent > silentBeats) this.#socket.destroy()
  }

  #follow({ socket, answers }: Connected): void {
    this.#silent = 0
    this.#socket = socket.unref()
    answers.hear = (answer) => {
      this.#silent = 0
      if (answer !== null && 'ended' in answer) this.#lose(answer.ended)
    }
    socket.once('close', () => {
      if (this.#comesBack && !this.#isOver && this.#socket === socket) void this.#comeBack()
    })
  }

  async #comeBack(): Promise<void> {
    while (!this.#isOver && this.#comesBack) {
      const connected = await this.#tryAgain().catch(() => null)
      if (connected === 'lost') return
      if (connected !== null) {
        if (this.#isOver) connected.socket.end(releaseLine)
        else this.#follow(connected)
        return
      }
      await new Promise((resolve) => setTimeout(resolve, againAfterMs).unref())
    }
  }

  async #tryAgain(): Promise<Connected | 'lost'> {
    const { world, locate } = this.#options
    const place = await locate()
    if (place === 'gone' || place.id !== this.#wanId) {
      this.#lose(`world ${world} was ${place === 'gone' ? 'removed' : 'made anew'} by somebody else`)
      return 'lost'
    }
    const connected = await connect(place.address, this.#options)
    const { answer } = connected
    if (answer.taken) return connected
    connected.socket.destroy()
    const { holder } = answer.sight
    this.#lose(`world ${world} was taken over by ${holder === null ? 'somebody else' : holderWords(holder)}`)
    return 'lost'
  }
}

/** One attempt; resolves with what the WAN has answered to `take`. @throws CallRefused, Error */
function connect(address: WayInAddress, { name, holder }: HoldOptions): Promise<Connected> {
  const what = `GET wan/holds/${name}`
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: address.host,
      port: address.port,
      path: `/holds/${name}`,
      headers: { authorization: `Bearer ${address.token}`, connection: 'upgrade', upgrade: holdUpgrade },
      agent: false,
    })
    let opened: Socket | null = null
    const fail = (error: Error): void => {
      clearTimeout(timer)
      request.destroy()
      opened?.destroy()
      reject(error)
    }
    const late = new Error(`${what}: no answer within ${answersWithinMs} ms`)
    const timer = setTimeout(() => fail(late), answersWithinMs)
    request.once('error', (error) => fail(new Error(`${what}: ${messageOf(error)}`, { cause: error })))
    request.once('response', (response) => {
      response.resume()
      fail(new CallRefused(what, response.statusCode ?? 0, null))
    })
    request.once('upgrade', (_response, socket, head) => {
      opened = socket
      if (head.length > 0) socket.unshift(head)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => fail(new Error(`${what}: closed without an answer`)))
      const answers = new Answers(socket)
      answers.hear = (answer) => {
        if (answer === null || !('taken' in answer)) return
        clearTimeout(timer)
        resolve({ socket, answers, answer })
      }
      socket.write(`${JSON.stringify({ take: holder })}\n`)
    })
    request.end()
  })
}

/** What the WAN says by one connection; null: a beat, or what is not understood. */
class Answers {
  hear: (answer: HoldAnswer | null) => void = () => {}
  constructor(socket: Socket) {
    onLines(socket, (line) => this.hear(parse(line)))
  }
}

function parse(line: string): HoldAnswer | null {
  try {
    return holdAnswer.parse(JSON.parse(line))
  } catch {
    return null
  }
}
