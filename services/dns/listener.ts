// DNS on the wire: UDP datagrams, and TCP with a two-byte length before each message (RFC 7766).
import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'

/** Bytes of the answer; null if the message can't be read; `silence` if it is left unanswered though it could be. */
export type AnswerMessage = (
  message: Buffer,
  transport: 'udp' | 'tcp',
  askerAddress: string,
) => Buffer | 'silence' | null

const tcpIdleMs = 5000
const maxTcpConnections = 100

/** Listens on both transports at `address:port`. @throws Error of node:net or node:dgram if the port cannot be had */
export async function listenDns(
  address: string,
  port: number,
  answer: AnswerMessage,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const tcp = createServer((socket) => serveTcp(socket, answer))
  tcp.maxConnections = maxTcpConnections
  const sockets = new Set<Socket>()
  tcp.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  tcp.listen(port, address)
  await once(tcp, 'listening')
  const bound = (tcp.address() as { port: number }).port

  const udp = createSocket('udp4')
  udp.on('message', (message, from) => {
    const reply = answer(message, 'udp', from.address)
    // A reply that cannot be sent (no route just now) is like one lost on the way: the asker asks again.
    if (reply !== null && reply !== 'silence') udp.send(reply, from.port, from.address, () => {})
  })
  udp.bind(bound, address)
  await once(udp, 'listening')
  return {
    port: bound,
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ])
    },
  }
}

function serveTcp(socket: Socket, answer: AnswerMessage): void {
  let pending = Buffer.alloc(0)
  socket.setTimeout(tcpIdleMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2) {
      const length = pending.readUInt16BE(0)
      if (pending.length < 2 + length) return
      const reply = answer(pending.subarray(2, 2 + length), 'tcp', socket.remoteAddress ?? '')
      pending = pending.subarray(2 + length)
      if (reply === null) {
        socket.destroy()
        return
      }
      // The connection stays open until it has been idle for too long, as with a server that hangs.
      if (reply === 'silence') continue
      const prefix = Buffer.alloc(2)
      prefix.writeUInt16BE(reply.length)
      socket.write(Buffer.concat([prefix, reply]))
    }
  })
}
