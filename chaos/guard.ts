// The dead-man's switch: heals each fault whose time is over, and everything that a dead drill left in a world. What to heal is
// decided from the ledger, the WAN's clock and who drives the world alone; how it acts is handed in.
import type { Holder, HoldSight } from '#protocol/holds.ts'
import { manualDrill, type LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import { type HealReport, healEntries } from './heal.ts'
import { clockNs, readLedger } from './wan-calls.ts'

export interface Sight {
  readonly entries: readonly LedgerEntry[]
  /** The WAN's monotonic clock. */
  readonly nowNs: bigint
  /** Of the world's driver. */
  readonly lock: HoldSight
  /** Somebody may have held the world since it was last looked over: what he left need not be in the ledger. */
  readonly suspect: boolean
  /** A drill died, and the world could not be looked over yet. */
  readonly unfinished: boolean
}

export interface Decision {
  /** Faults whose time is over: healed whoever holds the world, since a frozen drill holds it for ever. */
  readonly expired: readonly LedgerEntry[]
  /** Faults of a drill that is gone: healed with the world's lock in hand. */
  readonly orphaned: readonly LedgerEntry[]
  /** `load`: see that no load is left. `world`: a drill died, so all that `heal` does is done. */
  readonly lookOver: 'nothing' | 'load' | 'world'
}

/** These bring a world up or down: one that died in it is no drill, and leaves no world to make whole. */
const builders = /^(up|down)\b/

/** One whose WAN was restarted still has it. */
function isHeld({ state }: HoldSight): boolean {
  return state === 'held' || state === 'away'
}

export function decide({ entries, nowNs, lock, suspect, unfinished }: Sight): Decision {
  // An entry from after now is of a time before the machine was started anew.
  const isOver = (entry: LedgerEntry): boolean => BigInt(entry.expiresNs) <= nowNs || BigInt(entry.injectedNs) > nowNs
  const expired = entries.filter(isOver)
  if (isHeld(lock)) return { expired, orphaned: [], lookOver: 'nothing' }
  const orphaned = entries.filter((entry) => !isOver(entry) && entry.drill !== manualDrill)
  const builderDied = lock.state === 'dead' && builders.test(lock.holder.doing)
  if (builderDied && orphaned.length === 0) return { expired, orphaned, lookOver: 'nothing' }
  const drillDied = lock.state === 'dead' || orphaned.length > 0 || unfinished
  // Looking the world over would also take away what somebody has injected by hand, and is still to last.
  const lasting = entries.length > expired.length + orphaned.length
  const lookOver = drillDied && !lasting ? 'world' : suspect || lock.state === 'dead' ? 'load' : 'nothing'
  return { expired, orphaned, lookOver }
}

export interface GuardLock extends AsyncDisposable {
  /** Who has died with the world in his hands. */
  readonly tookOverFrom: Holder | null
}

export interface GuardPorts {
  /**
   * `gone`: Docker has no container of this world. `asleep`: its WAN does not run.
   * @throws Error if Docker does not answer, or the WAN says nothing
   */
  open(): Promise<RunningWorld | 'gone' | 'asleep'>
  wakeWan(): Promise<string | null>
  /** @param opened null while its WAN does not run. @throws Error if nobody says it */
  lookAtDriver(opened: RunningWorld | null): Promise<HoldSight>
  /** Drives the world, so that nothing begins in it meanwhile; null if somebody else does. */
  takeLock(): Promise<GuardLock | null>
  healWorld(world: RunningWorld): Promise<HealReport>
  endLoad(world: RunningWorld): Promise<HealReport>
  /** Into the log. */
  say(line: string): void
  /** What the next command is to tell. */
  noteHealed(world: RunningWorld, sentence: string): Promise<void>
  nowMs(): number
}

/** What could not be healed is tried again after this time, so that others come to hold the world in between. */
const againAfterMs = 5000
/** Without Docker there is nothing to guard; a command that finds the world again starts another guard. */
const withoutDockerMs = 3_600_000

export class Guard {
  readonly #ports: GuardPorts
  #world: RunningWorld | null = null
  #suspect = true
  #unfinished = false
  /** As last read: what is known of the ledger while the WAN is dead. */
  #entries: readonly LedgerEntry[] = []
  #clock: { readonly ns: bigint; readonly atMs: number } | null = null
  #left: readonly string[] = []
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #toldTrouble = ''
  #lastHeardMs: number

  constructor(ports: GuardPorts) {
    this.#ports = ports
    this.#lastHeardMs = ports.nowMs()
  }

  /** One look, and what follows from it. @returns why the guard is to end, or null. Never throws. */
  async round(): Promise<string | null> {
    if (this.#ports.nowMs() >= this.#notBeforeMs) this.#left = []
    try {
      const ended = await this.#round()
      this.#lastHeardMs = this.#ports.nowMs()
      this.#trouble(this.#left.length === 0 ? '' : `left: ${this.#left.join('; ')}`)
      return ended
    } catch (error) {
      this.#trouble(messageOf(error))
      await this.close()
      return this.#ports.nowMs() - this.#lastHeardMs > withoutDockerMs ? 'nothing has answered for an hour' : null
    }
  }

  async close(): Promise<void> {
    const world = this.#world
    this.#world = null
    await world?.[Symbol.asyncDispose]()
  }

  async #round(): Promise<string | null> {
    const world = await this.#open()
    if (world === 'gone') return 'the world has gone'
    const lock = await this.#ports.lookAtDriver(world === 'asleep' ? null : world)
    if (isHeld(lock)) this.#suspect = true
    if (world === 'asleep') {
      await this.#wakeIfNeeded(lock)
      return null
    }
    const { expired, orphaned, lookOver } = this.#decide(lock)
    if (isHeld(lock)) await this.#told(world, await healEntries(world, expired), 'its time was over')
    else if (expired.length + orphaned.length > 0 || lookOver !== 'nothing') await this.#healInTime(world)
    return null
  }

  #decide(lock: HoldSight): Decision {
    const [suspect, unfinished] = [this.#suspect, this.#unfinished]
    return decide({ entries: this.#entries, nowNs: this.#nowNs(), lock, suspect, unfinished })
  }

  /** The world with its ledger read. */
  async #open(): Promise<RunningWorld | 'gone' | 'asleep'> {
    if (this.#world !== null) {
      try {
        await this.#read(this.#world)
        return this.#world
      } catch {
        // Dead, or made anew under the same name, with another address and another token.
        await this.close()
      }
    }
    const opened = await this.#ports.open()
    if (typeof opened === 'string') return opened
    this.#world = opened
    await this.#read(opened)
    return opened
  }

  async #read(world: RunningWorld): Promise<void> {
    this.#entries = await readLedger(world)
    if (this.#entries.length > 0) this.#clock = { ns: await clockNs(world), atMs: this.#ports.nowMs() }
  }

  /** The WAN's clock goes on while it is dead: it is its kernel's. */
  #nowNs(): bigint {
    if (this.#clock === null) return 0n
    return this.#clock.ns + BigInt(Math.round((this.#ports.nowMs() - this.#clock.atMs) * 1e6))
  }

  /** A WAN that somebody has stopped stays so, unless there is something to heal: later rounds see what, once it says who drives. */
  async #wakeIfNeeded(lock: HoldSight): Promise<void> {
    const { expired, orphaned, lookOver } = this.#decide(lock)
    if (expired.length + orphaned.length === 0 && lookOver !== 'world') return
    const woken = await this.#ports.wakeWan()
    const world = await this.#open()
    if (woken !== null && typeof world !== 'string')
      await this.#told(world, { healed: [woken], left: [] }, 'nothing could be healed without it')
  }

  async #healInTime(world: RunningWorld): Promise<void> {
    if (this.#ports.nowMs() < this.#notBeforeMs) return
    await this.#healAlone(world)
    if (this.#left.length > 0) this.#notBeforeMs = this.#ports.nowMs() + againAfterMs
  }

  /** With the world's lock in hand, so that no drill begins in a world that is being healed. */
  async #healAlone(world: RunningWorld): Promise<void> {
    const lock = await this.#ports.takeLock()
    if (lock === null) return
    await using _lock = lock
    const dead = lock.tookOverFrom
    await this.#read(world)
    const { expired, orphaned, lookOver } = this.#decide(
      dead === null ? { state: 'free', holder: null } : { state: 'dead', holder: dead },
    )
    const lasting = this.#entries.length > expired.length + orphaned.length
    if (lookOver === 'world' || orphaned.length > 0) this.#unfinished = true
    let whole = lookOver === 'world'
    const expiredReport = await healEntries(world, expired)
    await this.#told(world, expiredReport, 'its time was over')
    if (!whole) {
      const orphanedReport = await healEntries(world, orphaned)
      await this.#told(world, orphanedReport, 'its drill was gone')
      // What does not heal alone may need all else to be well.
      whole = expiredReport.left.length > 0 && !lasting
    }
    if (!whole && lookOver === 'nothing') return
    const rest = whole ? await this.#ports.healWorld(world) : await this.#ports.endLoad(world)
    await this.#told(world, rest, 'its drill was gone')
    if (rest.left.length > 0) return
    this.#suspect = false
    if (whole) this.#unfinished = false
  }

  async #told(world: RunningWorld, { healed, left }: HealReport, why: string): Promise<void> {
    for (const sentence of healed) {
      this.#ports.say(`healed, since ${why}: ${sentence}`)
      // It is in the log all the same.
      await this.#ports.noteHealed(world, `${sentence} (${why})`).catch(() => {})
    }
    this.#left = [...this.#left, ...left]
  }

  /** The same trouble in each round is told once. */
  #trouble(text: string): void {
    if (text !== '' && text !== this.#toldTrouble) this.#ports.say(text)
    this.#toldTrouble = text
  }
}
