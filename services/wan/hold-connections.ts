// The connections by which holds are held: HTTP upgrades at the way in, then lines of JSON both ways.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import {
  endGuardRequest,
  healedNote,
  holdBeatMs,
  holdRequest,
  holdUpgrade,
  type HoldAnswer,
  type HoldName,
} from '#protocol/holds.ts'
import { onLines } from '#runtime/lines.ts'
import type { Log } from '#runtime/log.ts'
import { type HoldConnection, type Holds, isHoldName } from './holds.ts'
import { expectShape } from './malformed.ts'

/** The kernel of a living holder answers its probes, also for a process that is frozen. */
const probeAfterMs = 5000
/** Whoever upgrades and then says nothing is nobody. */
const saysWithinMs = 10_000

export function addHoldRoutes(server: FastifyInstance, holds: Holds): void {
  server.get('/holds', () => holds.sights())
  server.post('/holds/guard/end', (request) => {
    const { id, by } = expectShape(endGuardRequest, request.body)
    holds.endGuard(id, by)
    return holds.sights()
  })
  server.post('/healed', (request) => {
    holds.noteHealed(expectShape(healedNote, request.body).sentence)
    return { sentences: [] }
  })
  server.post('/healed/taken', () => ({ sentences: holds.takeHealed() }))
}

function refuse(socket: Duplex, status: string, error: string, reason: string): void {
  const body = JSON.stringify({ error, reason })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

/** Handles one upgrade. */
export function handleHold(options: {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly authorized: boolean
  readonly whichToken: string
  readonly holds: Holds
  readonly log: Log
}): void {
  const { request, socket, head, holds, log } = options
  socket.on('error', () => socket.destroy())
  if (!options.authorized)
    return refuse(socket, '401 Unauthorized', 'unauthorized', `expected ${options.whichToken}, saw none or another`)
  const name = /^\/holds\/([a-z]+)$/.exec(request.url ?? '')?.[1] ?? ''
  if (request.headers.upgrade !== holdUpgrade || !isHoldName(name))
    return refuse(socket, '404 Not Found', 'not-found', `no such upgrade: ${request.headers.upgrade} ${request.url}`)
  ;(socket as Socket).setKeepAlive(true, probeAfterMs)
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${holdUpgrade}\r\n\r\n`)
  if (head.length > 0) socket.unshift(head)
  serve(name, socket, holds, log)
}

function serve(name: HoldName, socket: Duplex, holds: Holds, log: Log): void {
  const say = (answer: HoldAnswer): void => void socket.write(`${JSON.stringify(answer)}\n`)
  const connection: HoldConnection = {
    ended: (by) => {
      say({ ended: by })
      socket.end()
    },
    replaced: () => socket.destroy(),
  }
  // A frozen holder reads nothing: nothing is piled up for it.
  const beat = setInterval(() => {
    if (socket.writableLength === 0) socket.write('\n')
  }, holdBeatMs)
  const silent = setTimeout(() => socket.destroy(), saysWithinMs)
  const close = (): void => {
    clearInterval(beat)
    clearTimeout(silent)
    holds.closed(name, connection)
    socket.destroy()
  }
  socket.once('end', close)
  socket.once('close', close)
  onLines(socket, (line) => {
    clearTimeout(silent)
    const asked = readLine(line)
    if (asked === null) {
      socket.destroy()
      return
    }
    if ('release' in asked) {
      holds.release(name, connection)
      say({ released: true })
      socket.end()
      return
    }
    const answer = holds.take(name, asked.take, connection)
    log.info({ hold: name, holder: asked.take, taken: answer.taken }, 'a hold was asked for')
    say(answer)
    if (!answer.taken) socket.end()
  })
}

function readLine(line: string): ReturnType<typeof holdRequest.parse> | null {
  try {
    return holdRequest.parse(JSON.parse(line))
  } catch {
    return null
  }
}
