// What each command says of a world that is not there, half gone, cut off or unwilling: one clear line and exit code 3. The world is
// played by an HTTP server that answers as Docker, as the WAN's way in and as the controllers behind it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { type Ended, run } from '#world/child-process.ts'
import { describeSelf } from '#world/holder.ts'
import { commandLine } from './firedrill.ts'

const world = 'test-broken'
const status = {
  region: 'b',
  incarnation: 'x',
  epoch: null,
  holdsEpoch: false,
  etcd: { reachable: true, leader: 'b' },
  suspects: [],
  agents: [],
  busy: null,
}
/** Commands find it guarded: here, what they say of the world itself is of interest. */
const guarded = {
  driver: { state: 'free', holder: null },
  guard: { state: 'held', holder: describeSelf('guard of a test') },
}
type State = 'running' | 'exited' | 'paused'

/** A tar with one file, as Docker's archive call gives it. */
function tarOf(text: string): Buffer {
  const header = Buffer.alloc(512)
  header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124)
  return Buffer.concat([header, Buffer.from(text), Buffer.alloc(512 - (text.length % 512) + 1024)])
}

class BrokenWorld {
  containers: { service: string; site: string; state: State }[] = []
  /** What a controller does with an order: nothing (the connection breaks), or an answer. */
  ordered: ((response: ServerResponse) => void) | null = null
  readonly asked: string[] = []
  readonly #server: Server = createServer((request, response) => this.#answer(request, response))
  readonly #open = new Set<Socket>()

  async listen(): Promise<void> {
    this.#server.on('connection', (socket: Socket) => this.#open.add(socket))
    // Every host of every site is this server itself.
    this.#server.on('connect', (_request: IncomingMessage, near: Socket) => {
      near.write('HTTP/1.1 200 OK\r\n\r\n')
      const far = connect(this.port, '127.0.0.1')
      near.on('error', () => far.destroy())
      far.on('error', () => near.destroy())
      near.pipe(far).pipe(near)
    })
    this.#server.on('upgrade', (_request: IncomingMessage, holder: Socket) => {
      holder.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: firedrill-hold\r\n\r\n')
      holder.on('error', () => holder.destroy())
      holder.on('data', (asked) => {
        if (asked.includes('take')) holder.write('{"taken":true,"from":null}\n')
        else holder.end('{"released":true}\n')
      })
    })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  close(): void {
    for (const socket of this.#open) socket.destroy()
    this.#server.close()
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://docker')
    this.asked.push(`${request.method} ${pathname}`)
    const json = (body: unknown, code = 200): unknown =>
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (pathname === '/version') return void json({ Version: '27.0.1', Arch: 'amd64' })
    if (pathname === '/info') return void json({ OSType: 'linux', MemTotal: 1, NCPU: 1 })
    if (pathname === '/networks') return void json([])
    if (pathname === '/volumes') return void json({ Volumes: [] })
    if (pathname === '/holds') return void json(guarded)
    if (pathname === '/healed/taken') return void json({ sentences: [] })
    if (pathname.startsWith('/images/')) return void json({})
    if (pathname === '/containers/create') return void json({ Id: 'maker' })
    if (pathname.startsWith('/containers/maker')) return void json({})
    if (pathname === '/containers/json') {
      const isOfMaker = searchParams.get('filters')?.includes('firedrill.maker') === true
      return void json(isOfMaker ? [] : this.containers.map((each) => this.#listed(each)))
    }
    if (pathname === '/status') return void json(status)
    if (pathname === '/failover' || pathname === '/switchover') {
      if (this.ordered === null) return void request.socket.destroy()
      return this.ordered(response)
    }
    const [, noun, id = '', act = ''] = pathname.split('/')
    const container = this.containers.find((each) => `${each.service}.${each.site}` === id)
    if (noun !== 'containers' || container === undefined) return void json({ message: `no such thing: ${id}` }, 404)
    if (act === 'json') return void json(this.#inspected(container))
    if (act === 'logs') return void response.end(Buffer.from([1, 0, 0, 0, 0, 0, 0, 6, ...Buffer.from('words\n')]))
    if (act === 'archive') {
      const isToken = searchParams.get('path')?.endsWith('token') === true
      const text = isToken ? 'token' : JSON.stringify({ control: 'x', fence: 'x', postgres: 'x' })
      return void response.end(tarOf(text))
    }
    return void json({ message: `Container ${id} is ${container.state}: ${act} is refused` }, 409)
  }

  #listed({ service, site, state }: (typeof this.containers)[number]): unknown {
    const Labels = { 'firedrill.world': world, 'firedrill.service': service, 'firedrill.site': site }
    return { Id: `${service}.${site}`, Names: [`/${service}-${site}`], ImageID: 'i', State: state, Labels }
  }

  #inspected({ state }: (typeof this.containers)[number]): unknown {
    const Ports = state === 'running' ? { '7000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(this.port) }] } : {}
    return { State: { Status: state }, Config: { Env: ['FIREDRILL_HOME=a'] }, NetworkSettings: { Ports } }
  }
}

describe('a world that is not as it should be', () => {
  const broken = new BrokenWorld()
  before(() => broken.listen())
  after(() => broken.close())
  afterEach(() => {
    broken.containers = []
    broken.ordered = null
  })

  const firedrill = (...argv: readonly string[]): Promise<Ended> =>
    run([process.execPath, commandLine, ...argv, '--world', world], {
      environment: { ...process.env, DOCKER_HOST: `tcp://127.0.0.1:${broken.port}` },
    })
  async function oneLine(argv: readonly string[], expected: RegExp): Promise<void> {
    const { exitCode, stdout, stderr } = await firedrill(...argv)
    assert.match(stderr, expected)
    assert.equal(stderr.trim().split('\n').length, 1, stderr)
    assert.deepEqual([exitCode, stdout], [3, ''])
  }
  const wan = (state: State) => ({ service: 'wan', site: '', state })
  const postgres = (state: State) => ({ service: 'postgres', site: 'a', state })

  const commands = [
    ['failover'],
    ['failback'],
    ['status'],
    ['heal'],
    ['logs', 'postgres.b'],
    ['connect', 'postgres.b'],
  ] as const
  for (const argv of commands)
    test(`${argv.join(' ')} without a world says how to bring one up`, () =>
      oneLine(argv, /world test-broken is not up; bring it up: \.\/firedrill up --world test-broken/))

  for (const argv of [['failover'], ['failback'], ['status'], ['heal']] as const)
    test(`${argv.join(' ')} of a world without a WAN says that it is half gone`, () => {
      broken.containers = [postgres('running')]
      return oneLine(argv, /world test-broken has no container wan.*make it anew: \.\/firedrill up --world test-broken/)
    })

  for (const argv of [['failover'], ['failback']] as const)
    test(`${argv.join(' ')} through a dead WAN says how to start it`, () => {
      broken.containers = [wan('exited'), postgres('running')]
      return oneLine(argv, /the WAN of world test-broken is exited.*\.\/firedrill heal --world test-broken/)
    })

  test('status through a dead WAN shows what Docker knows, and how to start it', async () => {
    broken.containers = [wan('exited'), postgres('running')]
    const { exitCode, stdout, stderr } = await firedrill('status')
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /1 of 2 containers run/)
    assert.match(stdout, /wan \(EXITED\)/)
    assert.match(stdout, /the WAN is exited.*\.\/firedrill heal --world test-broken/)
  })

  test('heal says why Docker does not start a dead WAN', () => {
    broken.containers = [wan('exited')]
    return oneLine(['heal'], /the WAN of world test-broken is exited and does not start: .*start is refused/)
  })

  test('logs need no WAN', async () => {
    broken.containers = [wan('exited'), postgres('exited')]
    for (const target of ['wan', 'postgres.a'])
      assert.deepEqual(await firedrill('logs', target), { exitCode: 0, stdout: 'words\n', stderr: '' })
  })

  test('connect to a container that does not run says so', () => {
    broken.containers = [wan('exited'), postgres('exited')]
    return oneLine(['connect', 'postgres.a'], /postgres\.a of world test-broken is exited, expected it to run/)
  })

  test('what Docker refuses is told in one line', () => {
    broken.containers = [wan('running'), postgres('running')]
    return oneLine(['connect', 'postgres.a'], /Docker refused: .*exec is refused/)
  })

  for (const argv of [['failover', '--to', 'b'], ['failback']] as const) {
    test(`${argv.join(' ')} that is refused says why`, async () => {
      broken.containers = [wan('running')]
      const reply = { done: false, epoch: 4, primary: 'b', reason: 'b is the primary already' }
      broken.ordered = (response) => void response.writeHead(409).end(JSON.stringify(reply))
      await oneLine(argv, /was not done, controller [ab] says: b is the primary already; .*\.\/firedrill status/)
    })

    test(`${argv.join(' ')} whose outcome is not heard says that it is unknown`, async () => {
      broken.containers = [wan('running')]
      await oneLine(argv, /controller [ab] did not say how the .* ended \(.*\); it may still be done: .*status --world/)
    })

    test(`${argv.join(' ')} that is answered in other words says so`, async () => {
      broken.containers = [wan('running')]
      broken.ordered = (response) => void response.end('{"fine":true}')
      await oneLine(argv, /controller [ab] did not say how the .* ended \(.*unexpected answer/)
    })
  }
})
