// Holds by real connections: one holder of each name, who keeps it until he lets go or dies, over a restart of the WAN too.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { holdUpgrade, type Holder } from '#protocol/holds.ts'
import { onLines } from '#runtime/lines.ts'
import { createLog } from '#runtime/log.ts'
import { handleHold } from './hold-connections.ts'
import { Holds, returnWithinMs } from './holds.ts'

const who = (id: string, doing = 'run region-loss'): Holder => ({
  id: `${id}-of-a-test`,
  doing,
  user: 'x',
  pid: 123,
  host: 'h',
  machine: 'm',
  started: '1',
  checkout: '/a\u2028b',
  since: '2026-01-01T12:03:04.000Z',
})

/** A WAN that can be restarted, and its clock. */
class Wan {
  nowMs = 0
  holds: Holds
  readonly #file: string
  readonly #server = createServer()
  readonly #open = new Set<Socket>()

  constructor(context: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'firedrill-holds-'))
    this.#file = join(folder, 'holds.json')
    this.holds = this.#read()
    this.#server.on('upgrade', (request, socket, head: Buffer) => {
      this.#open.add(socket as Socket)
      const authorized = request.headers.authorization === 'Bearer token'
      const log = createLog('wan', 'fatal', {})
      handleHold({ request, socket, head, authorized, whichToken: 'the token', holds: this.holds, log })
    })
    this.#server.listen(0, '127.0.0.1')
    context.after(async () => {
      // The end of a hold is noted when its socket has closed.
      await Promise.all(
        [...this.#open].map(async (socket) => {
          if (!socket.closed) await once(socket.destroy(), 'close')
        }),
      )
      this.#server.close()
      rmSync(folder, { recursive: true })
    })
  }

  /** As after kill -9: nothing of what ends with it is noted. */
  restart(): void {
    this.holds = this.#read()
  }

  #read(): Holds {
    return new Holds(this.#file, () => this.nowMs)
  }

  async connect(path = '/holds/driver', token = 'token'): Promise<Client> {
    if (!this.#server.listening) await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    const headers = { connection: 'upgrade', upgrade: holdUpgrade, authorization: `Bearer ${token}` }
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false })
    asked.end()
    const response = once(asked, 'response').then(([{ statusCode }]) => assert.fail(`answered ${statusCode}`))
    const [, socket] = (await Promise.race([once(asked, 'upgrade'), response])) as [unknown, Socket]
    return new Client(socket)
  }

  async untilSeen(state: string): Promise<void> {
    while (this.holds.sight('driver').state !== state) await new Promise((resolve) => setImmediate(resolve))
  }
}

class Client {
  readonly socket: Socket
  readonly #heard: unknown[] = []
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    onLines(socket, (line) => {
      if (line === '') return
      this.#heard.push(JSON.parse(line))
      this.#wake()
    })
  }

  async say(line: object): Promise<unknown> {
    this.socket.write(`${JSON.stringify(line)}\n`)
    return this.next()
  }

  async next(): Promise<unknown> {
    if (this.#heard.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#heard.shift()
  }
}

void test('a taken hold is refused to others with its holder, word for word, and free after its release', async (context) => {
  const wan = new Wan(context)
  const first = await wan.connect()
  assert.deepEqual(await first.say({ take: who('first') }), { taken: true, from: null })
  const second = await wan.connect()
  const refused = { taken: false, sight: { state: 'held', holder: who('first') } }
  assert.deepEqual(await second.say({ take: who('second') }), refused)
  assert.deepEqual(await first.say({ release: true }), { released: true })
  assert.deepEqual(wan.holds.sights(), {
    driver: { state: 'free', holder: null },
    guard: { state: 'free', holder: null },
  })
  const third = await wan.connect()
  assert.deepEqual(await third.say({ take: who('third') }), { taken: true, from: null })
})

void test('a driver and a guard are beside each other', async (context) => {
  const wan = new Wan(context)
  for (const name of ['driver', 'guard']) {
    const client = await wan.connect(`/holds/${name}`)
    assert.deepEqual(await client.say({ take: who(name) }), { taken: true, from: null })
  }
})

void test('a hold ends with its connection; who comes next is told whose it was', async (context) => {
  const wan = new Wan(context)
  const dying = await wan.connect()
  await dying.say({ take: who('dying') })
  dying.socket.destroy()
  await wan.untilSeen('dead')
  const next = await wan.connect()
  assert.deepEqual(await next.say({ take: who('next') }), { taken: true, from: who('dying') })
})

void test('who lost his connection gets the hold back by his id, and the old connection takes nothing with it', async (context) => {
  const wan = new Wan(context)
  const first = await wan.connect()
  await first.say({ take: who('first') })
  const again = await wan.connect()
  assert.deepEqual(await again.say({ take: who('first') }), { taken: true, from: null })
  if (!first.socket.closed) await once(first.socket, 'close')
  assert.equal(wan.holds.sight('driver').state, 'held')
})

void test('after a restart the former holder comes back, and others wait for him', async (context) => {
  const wan = new Wan(context)
  await (await wan.connect()).say({ take: who('former') })
  wan.nowMs = 1_000_000
  wan.restart()
  const other = await wan.connect()
  const away = { taken: false, sight: { state: 'away', holder: who('former') } }
  assert.deepEqual(await other.say({ take: who('other') }), away)
  wan.nowMs += returnWithinMs - 1
  assert.deepEqual(await (await wan.connect()).say({ take: who('other') }), away)
  assert.deepEqual(await (await wan.connect()).say({ take: who('former') }), { taken: true, from: null })
  wan.nowMs += returnWithinMs
  const refused = { taken: false, sight: { state: 'held', holder: who('former') } }
  assert.deepEqual(await (await wan.connect()).say({ take: who('other') }), refused)
})

void test('a former holder who stays away is dead, and too late once another has it', async (context) => {
  const wan = new Wan(context)
  await (await wan.connect()).say({ take: who('former') })
  wan.restart()
  wan.nowMs += returnWithinMs
  assert.deepEqual(await (await wan.connect()).say({ take: who('other') }), { taken: true, from: who('former') })
  const refused = { taken: false, sight: { state: 'held', holder: who('other') } }
  assert.deepEqual(await (await wan.connect()).say({ take: who('former') }), refused)
})

void test('what was released stays so over a restart, and what was dead is dead', async (context) => {
  const wan = new Wan(context)
  const first = await wan.connect()
  await first.say({ take: who('first') })
  await first.say({ release: true })
  wan.restart()
  assert.equal(wan.holds.sight('driver').state, 'free')
  const dying = await wan.connect()
  await dying.say({ take: who('dying') })
  dying.socket.destroy()
  await wan.untilSeen('dead')
  wan.restart()
  assert.deepEqual(wan.holds.sight('driver'), { state: 'dead', holder: who('dying') })
})

void test('a guard is ended by its id: it is told by whom, and its place is free; a later one stays', async (context) => {
  const wan = new Wan(context)
  const guard = await wan.connect('/holds/guard')
  await guard.say({ take: who('guard') })
  wan.holds.endGuard('another', 'a test')
  assert.equal(wan.holds.sight('guard').state, 'held')
  wan.holds.endGuard(who('guard').id, 'a test')
  assert.deepEqual(await guard.next(), { ended: 'a test' })
  assert.equal(wan.holds.sight('guard').state, 'free')
  if (!guard.socket.closed) await once(guard.socket, 'close')
  assert.equal(wan.holds.sight('guard').state, 'free')
})

void test('what was healed is told once, over a restart too', (context) => {
  const wan = new Wan(context)
  wan.holds.noteHealed('one')
  wan.restart()
  wan.holds.noteHealed('two')
  assert.deepEqual(wan.holds.takeHealed(), ['one', 'two'])
  wan.restart()
  assert.deepEqual(wan.holds.takeHealed(), [])
})

void test('who has no token, asks for no hold, or says what is none, gets nothing', async (context) => {
  const wan = new Wan(context)
  await assert.rejects(wan.connect('/holds/driver', 'other'), /answered 401/)
  await assert.rejects(wan.connect('/holds/world'), /answered 404/)
  const odd = await wan.connect()
  odd.socket.write('{"take":{"id":"x"}}\n')
  await once(odd.socket, 'close')
  assert.equal(wan.holds.sight('driver').state, 'free')
})
