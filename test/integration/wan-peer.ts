// Runs inside the WAN tests' site containers: `serve` echoes UDP and TCP; the other commands measure once and print JSON.
import { createSocket } from 'node:dgram'
import { createServer, connect } from 'node:net'
import koffi from 'koffi'

export const peerPorts = { udpEcho: 7001, tcpEcho: 7002, tcpSink: 7003, closed: 7009 } as const

function serve(): void {
  const udp = createSocket('udp4')
  udp.on('message', (message, from) => udp.send(message, from.port, from.address))
  udp.bind(peerPorts.udpEcho)
  createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true).pipe(socket)
  }).listen(peerPorts.tcpEcho)
  createServer((socket) => {
    let bytes = 0
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => (bytes += chunk.length))
    socket.on('end', () => socket.end(String(bytes)))
  }).listen(peerPorts.tcpSink)
  process.on('SIGTERM', () => process.exit(0))
}

function internetChecksum(packet: Buffer): number {
  let sum = 0
  for (let index = 0; index < packet.length; index += 2) sum += packet.readUInt16BE(index)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

// ICMP echo through a raw socket: the image has no ping. Prints round-trip times in ms, null for each that was lost.
async function ping(address: string, count: number, gapMs: number): Promise<unknown> {
  const libc = koffi.load(null)
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const sendTo = libc.func('long sendto(int fd, void *b, unsigned long n, int flags, void *to, unsigned int length)')
  const receive = libc.func('long recv(int fd, void *b, unsigned long n, int flags)')
  const poll = libc.func('int poll(void *fds, unsigned long count, int timeoutMs)')
  const fd = Number(socketCall(2, 3, 1))
  if (fd < 0) throw new Error(`raw socket: errno ${koffi.errno()}`)
  const to = Buffer.from([2, 0, 0, 0, ...address.split('.').map(Number), 0, 0, 0, 0, 0, 0, 0, 0])
  const polled = Buffer.alloc(8)
  polled.writeInt32LE(fd, 0)
  polled.writeInt16LE(1, 4)
  const reply = Buffer.alloc(2048)
  const times: (number | null)[] = []
  for (let seq = 0; seq < count; seq += 1) {
    const echo = Buffer.alloc(64)
    echo[0] = 8
    echo.writeUInt16BE(process.pid & 0xffff, 4)
    echo.writeUInt16BE(seq, 6)
    echo.writeUInt16BE(internetChecksum(echo), 2)
    const sentMs = performance.now()
    sendTo(fd, echo, echo.length, 0, to, to.length)
    let tookMs: number | null = null
    while (tookMs === null && performance.now() - sentMs < 1000) {
      if (Number(poll(polled, 1, 1000)) < 1) break
      const length = Number(receive(fd, reply, reply.length, 0x40))
      const isOurs = length >= 28 && reply[20] === 0 && reply.readUInt16BE(24) === (process.pid & 0xffff)
      if (isOurs && reply.readUInt16BE(26) === seq) tookMs = performance.now() - sentMs
    }
    times.push(tookMs)
    await new Promise((resolve) => setTimeout(resolve, gapMs))
  }
  return times
}

// Sends one datagram over a connected socket; prints what came back: `echo`, an error code, or `timeout`.
function udp(address: string, port: number, bytes: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const payload = Buffer.from(Array.from({ length: bytes }, (_, index) => index % 251))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    socket.on('message', (message) => resolve(message.equals(payload) ? 'echo' : 'garbled'))
    socket.connect(port, address, () => socket.send(payload))
    setTimeout(() => resolve('timeout'), 2000).unref()
  })
}

// Opens a TCP connection; prints `connected`, an error code, or `timeout`.
function tcp(address: string, port: number, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => resolve('connected'))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    setTimeout(() => resolve('timeout'), timeoutMs)
  })
}

// Numbers echoed over one TCP connection, one every 20 ms: prints whether all came back in order, and the longest silence.
function stream(address: string, count: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(peerPorts.tcpEcho, address)
    let received = ''
    let lastMs = performance.now()
    let longestSilenceMs = 0
    const expected = Array.from({ length: count }, (_, index) => `${index}\n`).join('')
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      received += chunk.toString()
      longestSilenceMs = Math.max(longestSilenceMs, performance.now() - lastMs)
      lastMs = performance.now()
      if (received.length >= expected.length) resolve({ inOrder: received === expected, longestSilenceMs })
    })
    socket.once('connect', () => {
      let next = 0
      const timer = setInterval(() => {
        socket.write(`${next++}\n`)
        if (next === count) clearInterval(timer)
      }, 20)
    })
  })
}

// Sends as much as it can for so long; prints Mbit/s as counted by the receiver.
function throughput(address: string, durationMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(peerPorts.tcpSink, address)
    const chunk = Buffer.alloc(256 * 1024)
    let startMs = 0
    const write = (): void => {
      if (performance.now() - startMs > durationMs) socket.end()
      else socket.write(chunk, write)
    }
    socket.on('error', reject)
    socket.once('connect', () => {
      startMs = performance.now()
      write()
      write()
    })
    socket.once('data', (total) => {
      resolve({ mbitPerS: (Number(total.toString()) * 8) / 1000 / (performance.now() - startMs) })
    })
  })
}

const commands: Readonly<Record<string, (...argv: string[]) => Promise<unknown>>> = {
  ping: (address = '', count, gapMs) => ping(address, Number(count), Number(gapMs)),
  udp: (address = '', port, bytes) => udp(address, Number(port), Number(bytes)),
  tcp: (address = '', port, timeoutMs) => tcp(address, Number(port), Number(timeoutMs)),
  stream: (address = '', count) => stream(address, Number(count)),
  throughput: (address = '', durationMs) => throughput(address, Number(durationMs)),
}

const [name, ...argv] = process.argv.slice(2)
if (name === 'serve') serve()
else if (name !== undefined) {
  const command = commands[name]
  if (command === undefined)
    throw new Error(`expected serve or one of ${Object.keys(commands).join(', ')}, saw ${name}`)
  console.log(JSON.stringify(await command(...argv)))
  process.exit(0)
}
