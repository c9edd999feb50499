// Looks at a world once, for all faults in force together: the containers, the WAN, and what Docker has done with them since the last
// look, on the WAN's clock.
import { clockReply } from '#protocol/wan.ts'
import type { DockerEvent, EventStream, RunningWorld } from '#world/running-world.ts'
import type { ContainerEvent, Sight } from './sight.ts'
import { nameOf } from './targets.ts'
import { linksState, readFence, readLedgerHistory } from './wan-calls.ts'

const timeoutMs = 3000

/** The WAN's clocks, and the harness's own at the same moment. */
interface Clocks {
  readonly ns: bigint
  readonly wallMs: number
  readonly atMs: number
}

/** Of two readings a second or some apart: more than this, and somebody has set the wall clock. */
const stepMs = 50
/** A stream that is opened anew tells the last events again. */
const mostRemembered = 500

export class Lookout {
  readonly #world: RunningWorld
  #stream: EventStream | null = null
  #opening: Promise<void> | null = null
  /** Not yet told in a sight. */
  #heard: DockerEvent[] = []
  readonly #known = new Set<string>()
  #lastHeardMs: number | null = null
  #clocks: Clocks | null = null
  #wallStepped = false
  #lastNs = 0n

  constructor(world: RunningWorld) {
    this.#world = world
  }

  /** Begins to hear Docker's events. @throws Error if Docker or the WAN does not answer */
  open(): Promise<void> {
    if (this.#stream !== null) return Promise.resolve()
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #open(): Promise<void> {
    this.#clocks ??= await this.#readClocks()
    this.#lastHeardMs ??= this.#clocks.wallMs
    // What happened while nobody listened is told now.
    const opened = this.#world.events(this.#lastHeardMs, (event) => this.#hear(event))
    const stream = await inTime(opened).catch((error: unknown) => {
      opened.then((late) => late.close()).catch(() => {})
      throw error
    })
    this.#stream = stream
    void this.#untilClosed(stream)
  }

  async #untilClosed(stream: EventStream): Promise<void> {
    await stream.closed
    if (this.#stream === stream) this.#stream = null
  }

  close(): void {
    this.#stream?.close()
    this.#stream = null
  }

  /** Never rejects: what could not be seen is null in it. */
  async look(): Promise<Sight> {
    const wan = Promise.all([linksState(this.#world), readFence(this.#world)]).catch(() => null)
    // Without the stream a short undoing may be missed, so such a look shows nothing of containers.
    const hears = await this.open().then(
      () => true,
      () => false,
    )
    const facts = hears ? await inTime(this.#world.containers()).catch(() => null) : null
    const seen = await wan
    const clocks = await this.#readClocks().catch(() => null)
    if (clocks !== null) this.#setClocks(clocks)
    const atNs = clocks?.ns ?? this.#guessNs()
    const events = this.#heard.map((event) => this.#dated(event, atNs))
    this.#heard = []
    this.#lastNs = atNs
    const ledger = await readLedgerHistory(this.#world).catch(() => null)
    return {
      atNs,
      containers: facts === null ? null : new Map(facts.map((each) => [nameOf(each), each])),
      wan: seen === null ? null : { links: seen[0], fence: seen[1] },
      events,
      ledger,
    }
  }

  #hear(event: DockerEvent): void {
    const key = `${nameOf(event)} ${event.action} ${event.wallMs}`
    if (this.#known.has(key)) return
    this.#known.add(key)
    const [oldest] = this.#known
    if (this.#known.size > mostRemembered && oldest !== undefined) this.#known.delete(oldest)
    this.#lastHeardMs = event.wallMs
    this.#heard.push(event)
  }

  /** Docker tells wall time. Where somebody has set that clock it is only known that it was after the last look. */
  #dated(event: DockerEvent, nowNs: bigint): ContainerEvent {
    const agoMs = this.#clocks === null ? 0 : this.#clocks.wallMs - event.wallMs
    const told = (this.#clocks?.ns ?? nowNs) - BigInt(Math.round(agoMs * 1e6))
    const latest = told > nowNs ? nowNs : told
    const atNs = this.#wallStepped && latest < this.#lastNs ? this.#lastNs : latest
    const betweenNs = this.#wallStepped ? ([this.#lastNs, nowNs] as const) : ([atNs, atNs] as const)
    return { name: nameOf(event), action: event.action, signal: event.signal ?? null, atNs, betweenNs }
  }

  #setClocks(clocks: Clocks): void {
    const before = this.#clocks
    const passedMs = before === null ? 0 : Number(clocks.ns - before.ns) / 1e6
    this.#wallStepped = before !== null && Math.abs(clocks.wallMs - before.wallMs - passedMs) > stepMs
    this.#clocks = clocks
  }

  async #readClocks(): Promise<Clocks> {
    const call = { method: 'GET', path: '/clock', reply: clockReply, timeoutMs } as const
    const { monotonicNs, wallMs } = await this.#world.wayIn.wan(call)
    return { ns: BigInt(monotonicNs), wallMs, atMs: performance.now() }
  }

  /** The WAN's clock goes on while it is dead: it is its kernel's. */
  #guessNs(): bigint {
    if (this.#clocks === null) return 0n
    return this.#clocks.ns + BigInt(Math.round((performance.now() - this.#clocks.atMs) * 1e6))
  }
}

/** Docker's calls have no time limit of their own. @throws Error after 3 s */
async function inTime<Value>(work: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`Docker did not answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
