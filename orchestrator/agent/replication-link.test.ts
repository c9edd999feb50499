// The link between sockets: what is behind it is a server of the test's that writes down what it hears.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { query } from '#orchestrator/core/agent/replication-framing.ts'
import { ReplicationLink } from './replication-link.ts'
import { replicationStartup } from './settings.ts'

const account = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
const source = { epoch: 7, primary: 'b', applicationName: 'c-7' } as const
const startup = Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0])
const identify = Buffer.from(query('IDENTIFY_SYSTEM'))
const start = Buffer.from(query('START_REPLICATION 0/300000 TIMELINE 2'))
const welcome = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I')
const identified = Buffer.from('T\0\0\0\x04Z\0\0\0\x05I')
const copying = Buffer.from('W\0\0\0\x04d\0\0\0\x07wal')

class Rig implements AsyncDisposable {
  readonly folder: string
  readonly link: ReplicationLink
  readonly events: string[]
  readonly #server: Server
  readonly #sockets: Socket[] = []

  private constructor(folder: string, server: Server, link: ReplicationLink, events: string[]) {
    this.folder = folder
    this.link = link
    this.events = events
    this.#server = server
  }

  static async open(): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), 'firedrill-link-'))
    const server = createServer()
    server.listen(`${folder}/source`)
    await once(server, 'listening')
    const events: string[] = []
    const link = await ReplicationLink.listen(`${folder}/link`, account, { add: (kind) => events.push(kind) }, () =>
      connect(`${folder}/source`),
    )
    return new Rig(folder, server, link, events)
  }

  /** Both ends of the next connection. */
  async connect(): Promise<{ walreceiver: Socket; walsender: Socket }> {
    const [walsender, walreceiver] = await this.accepts(() => this.walreceiver())
    return { walreceiver, walsender }
  }

  /** The source's end of the connection that `open` brings about. */
  async accepts<Opened>(open: () => Opened): Promise<[Socket, Opened]> {
    const accepted = once(this.#server, 'connection') as Promise<[Socket]>
    const opened = open()
    const [walsender] = await accepted
    this.#sockets.push(walsender)
    return [walsender, opened]
  }

  walreceiver(): Socket {
    const socket = connect(`${this.folder}/link/.s.PGSQL.5432`)
    this.#sockets.push(socket)
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.link.close()
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await rm(this.folder, { recursive: true })
  }
}

/** Reads exactly `expected`. */
async function reads(socket: Socket, expected: Buffer): Promise<void> {
  const chunks: Buffer[] = []
  for (let left = expected.length; left > 0;) {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) await once(socket, 'readable')
    else {
      chunks.push(chunk)
      left -= chunk.length
    }
  }
  assert.ok(
    Buffer.concat(chunks).equals(expected),
    `expected ${String(expected)}, saw ${String(Buffer.concat(chunks))}`,
  )
}

/** Sends `bytes` little by little, then ends. Returns how many were taken once no more are. */
async function offers(socket: Socket, bytes: Buffer): Promise<number> {
  let taken = 0
  const next = (): void => {
    const chunk = bytes.subarray(taken, taken + 65_536)
    if (chunk.length === 0) socket.end()
    else
      socket.write(chunk, () => {
        taken += chunk.length
        next()
      })
  }
  next()
  // Everything runs in this process: what can go on does so within a few turns of its loop.
  for (let idleTurns = 0, before = 0; idleTurns < 100; idleTurns += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    if (taken > before) idleTurns = 0
    before = taken
  }
  return taken
}

async function closes(socket: Socket): Promise<void> {
  // A broken pipe is an end, too.
  socket.on('error', () => undefined)
  socket.resume()
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}

/** The walreceiver says who it is, and everything that it will ask is asked and answered; it gets its first answer only. */
async function begins({ walreceiver, walsender }: { walreceiver: Socket; walsender: Socket }): Promise<void> {
  walreceiver.write(startup)
  await reads(walsender, Buffer.concat([startup, identify, start]))
  walsender.write(Buffer.concat([welcome, identified, copying]))
  await reads(walreceiver, welcome)
}

void test('all questions are at the source before the walreceiver has asked them, and each answer waits for its own', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  const { walreceiver, walsender } = await rig.connect()
  await begins({ walreceiver, walsender })
  walreceiver.write(identify)
  await reads(walreceiver, identified)
  assert.deepEqual(rig.events, [])
  walreceiver.write(start)
  await reads(walreceiver, copying)
  assert.deepEqual(rig.events, ['agent-anticipated'])
  const reply = Buffer.from('d\0\0\0\x06rr')
  walreceiver.write(reply)
  await reads(walsender, reply)
})

void test('a walreceiver that asks otherwise is closed, and the next is let through as it is', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  const first = await rig.connect()
  await begins(first)
  first.walreceiver.write(query('TIMELINE_HISTORY 2'))
  await Promise.all([closes(first.walreceiver), closes(first.walsender)])
  assert.deepEqual(rig.events, ['agent-anticipated-wrongly'])

  const second = await rig.connect()
  second.walreceiver.write(startup)
  await reads(second.walsender, startup)
  second.walsender.write(welcome)
  await reads(second.walreceiver, welcome)
  second.walreceiver.write(identify)
  await reads(second.walsender, identify)
})

void test('a source that leaves at what was asked ahead is asked plainly the next time', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, null)
  const first = await rig.connect()
  first.walreceiver.write(startup)
  await reads(first.walsender, Buffer.concat([startup, identify]))
  first.walsender.destroy()
  await closes(first.walreceiver)
  const second = await rig.connect()
  second.walreceiver.write(startup)
  await reads(second.walsender, startup)
})

void test('a cut ends both sides at once, and nobody gets through any more', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  const { walreceiver, walsender } = await rig.connect()
  await begins({ walreceiver, walsender })
  const closed = Promise.all([closes(walreceiver), closes(walsender)])
  rig.link.cut()
  // Its answer is there already.
  walreceiver.write(identify)
  await closed
  assert.equal(walreceiver.bytesRead, welcome.length)
  await closes(rig.walreceiver())
  assert.deepEqual(rig.events, [])
})

void test('a connection that was opened ahead is used for that source, or closed if nobody comes', async (test) => {
  test.mock.timers.enable({ apis: ['setTimeout'] })
  await using rig = await Rig.open()
  const [walsender] = await rig.accepts(() => rig.link.openAhead(['b']))
  rig.link.setSource(source, null)
  const asked = Buffer.concat([startup, identify])
  rig.walreceiver().write(startup)
  await reads(walsender, asked)
  const [unused] = await rig.accepts(() => rig.link.openAhead(['b']))
  test.mock.timers.tick(3000)
  await closes(unused)
})

void test('the source is asked before the walreceiver is there, which finds its answers', async () => {
  await using rig = await Rig.open()
  const hello = Buffer.from(replicationStartup(source))
  const [walsender] = await rig.accepts(() => rig.link.prepare(source))
  await reads(walsender, Buffer.concat([hello, identify]))
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  await reads(walsender, start)
  walsender.write(Buffer.concat([welcome, identified, copying]))
  const walreceiver = rig.walreceiver()
  for (const [asked, answer] of [
    [hello, welcome],
    [identify, identified],
    [start, copying],
  ] as const) {
    assert.equal(walreceiver.read(), null)
    walreceiver.write(asked)
    await reads(walreceiver, answer)
  }
  assert.deepEqual(rig.events, ['agent-anticipated'])
})

void test('a node that is behind the fork, asked for ahead of its walreceiver, goes on to the timeline that it was told of', async () => {
  await using rig = await Rig.open()
  const hello = Buffer.from(replicationStartup(source))
  const [walsender] = await rig.accepts(() => rig.link.prepare(source))
  rig.link.learn({ epoch: 7, primary: 'b', timeline: 3, text: '1\t0/100000\tone\n2\t0/480000\ttwo\n' })
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  await reads(walsender, Buffer.concat([hello, identify, start]))
  walsender.write(Buffer.concat([welcome, identified, copying]))
  const walreceiver = rig.walreceiver()
  walreceiver.write(Buffer.concat([hello, identify, start]))
  await reads(walreceiver, Buffer.concat([welcome, identified, copying]))
  const done = Buffer.from('c\0\0\0\x04')
  walsender.write(done)
  await reads(walreceiver, done)
  await reads(walsender, Buffer.concat([done, identify, query('START_REPLICATION 0/400000 TIMELINE 3')]))
})

void test('a walreceiver that says something else of itself than was said ahead is closed', async () => {
  await using rig = await Rig.open()
  const [walsender] = await rig.accepts(() => rig.link.prepare(source))
  rig.link.setSource(source, null)
  walsender.write(welcome)
  const walreceiver = rig.walreceiver()
  walreceiver.write(startup)
  await Promise.all([closes(walreceiver), closes(walsender)])
  assert.equal(walreceiver.bytesRead, 0)
  assert.deepEqual(rig.events, ['agent-anticipated-wrongly'])
})

void test('what was asked ahead ends by a cut, and by its time if nobody comes', async (test) => {
  test.mock.timers.enable({ apis: ['setTimeout'] })
  await using rig = await Rig.open()
  const [first] = await rig.accepts(() => rig.link.prepare(source))
  rig.link.cut()
  await closes(first)
  const [second] = await rig.accepts(() => rig.link.prepare(source))
  test.mock.timers.tick(3000)
  await closes(second)
})

void test('each side ends with the other', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, null)
  const first = await rig.connect()
  first.walreceiver.end(startup)
  await closes(first.walsender)
  const second = await rig.connect()
  second.walsender.end()
  await closes(second.walreceiver)
})

void test('a source that sends more than the walreceiver takes is not read on, and its last word comes through', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  const { walreceiver, walsender } = await rig.connect()
  walreceiver.write(Buffer.concat([startup, identify, start]))
  await reads(walsender, Buffer.concat([startup, identify, start]))
  walsender.write(Buffer.concat([welcome, identified, copying]))
  await reads(walreceiver, Buffer.concat([welcome, identified, copying]))
  const wal = Buffer.alloc(4_000_000, '.')
  wal.write('d')
  wal.writeUInt32BE(wal.length - 1, 1)
  walreceiver.pause()
  const taken = await offers(walsender, wal)
  assert.ok(taken < 2_000_000, `the link took ${taken} bytes for a walreceiver that reads none`)
  await reads(walreceiver, wal)
})

void test('WAL that comes before it was asked for is kept, but only so much of it', async () => {
  await using rig = await Rig.open()
  rig.link.setSource(source, { lsn: '0/300000', timeline: 2 })
  const { walreceiver, walsender } = await rig.connect()
  walreceiver.write(startup)
  await reads(walsender, Buffer.concat([startup, identify, start]))
  const wal = Buffer.alloc(6_000_000, '.')
  wal.write('d')
  wal.writeUInt32BE(wal.length - 1, 1)
  const taken = await offers(walsender, Buffer.concat([welcome, identified, copying, wal]))
  assert.ok(taken > 2_000_000 && taken < 4_000_000, `the link took ${taken} bytes, expected about 2 MiB`)
  walreceiver.write(Buffer.concat([identify, start]))
  await reads(walreceiver, Buffer.concat([welcome, identified, copying, wal]))
})

void test('a folder that cannot be had is told in one line', async () => {
  await using rig = await Rig.open()
  await writeFile(`${rig.folder}/file`, '')
  await assert.rejects(
    ReplicationLink.listen(`${rig.folder}/file`, account, { add: () => undefined }),
    /expected to listen on .*\/file\/\.s\.PGSQL\.5432 for Postgres's walreceiver, saw: .*; make .* writable/,
  )
})
