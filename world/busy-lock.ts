// One driver at a time per world, whoever and wherever he is: `up`, `run`, `down` and the like hold it by a connection to its WAN,
// or, where there is no WAN, as its maker. The world's guard drives it while it heals, and is waited for.
import type Dockerode from 'dockerode'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Holder, HoldSight } from '#protocol/holds.ts'
import { CallRefused } from '#runtime/http.ts'
import { EnvironmentError } from './environment-error.ts'
import { type Hold, type HoldAttempt, takeHold } from './hold.ts'
import { describeSelf, holderWords, processOf } from './holder.ts'
import { driverOfDeadWan, guardsWork, locateWan } from './holds.ts'
import { becomeMaker, endMaking, isMakerStill, lookAtMaker, type Maker } from './maker.ts'
import { listContainers } from './world-containers.ts'

/** A guard that heals a whole world needs this long where containers start slowly. */
const guardHealsWithinMs = 120_000
/** A WAN that runs and says nothing for so long is taken for a dead one. */
const wanAnswersWithinMs = 10_000
/** After it was started it may still be at its own start, and leaves its former holder time to come back. */
const attachWithinMs = 30_000
const lookEveryMs = 200

export interface LockOptions {
  readonly docker: Dockerode
  readonly world: string
  /** What others are told, e.g. `run region-loss`. */
  readonly doing: string
  readonly say: (line: string) => void
  /** Called once if the guard drives the world, to hurry it; otherwise it is waited for. */
  readonly onGuard?: () => Promise<unknown>
}

/** @throws EnvironmentError that names who has the world */
export async function lockWorld(options: LockOptions): Promise<WorldLock> {
  const lock = new WorldLock(options)
  const maker = await lookAtMaker(options.docker, options.world)
  if (maker !== null) throw busy(options.world, maker)
  await lock.enter()
  return lock
}

export class WorldLock implements AsyncDisposable {
  readonly self: Holder
  readonly #options: LockOptions
  readonly #lost = new AbortController()
  #hold: Hold | null = null
  #maker: Maker | null = null

  constructor(options: LockOptions) {
    this.#options = options
    this.self = describeSelf(options.doing)
  }

  /** Aborted, with who has it, once somebody else has the world: then nothing of it is ours to change, nor to heal. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** False: the world has no WAN that keeps a hold. `claim` comes before any change then. */
  get isHeld(): boolean {
    return this.#hold !== null
  }

  /** Takes the hold if there is a WAN that keeps one. @throws EnvironmentError that names who has it */
  async enter(): Promise<void> {
    const { docker, world } = this.#options
    const hold = await this.#takeFromWan()
    if (typeof hold === 'string') {
      const { state, holder } = await driverOfDeadWan(docker, world).catch((): HoldSight => ({
        state: 'free',
        holder: null,
      }))
      // One of another machine can't be looked at: what a dead WAN remembers must not keep a broken world up for ever.
      if (state === 'held' && (hold === 'silent' || processOf(holder) === 'lives')) throw busy(world, holder)
      return
    }
    this.#follow(hold)
    // Somebody may have begun to make the world anew between two looks; he looks for holders after he has begun.
    const maker = await lookAtMaker(docker, world)
    if (maker === null || maker.id === this.self.id) return
    await this.release()
    throw busy(world, maker)
  }

  /**
   * Before anything of the world is removed or made: from now on its WAN may go, and nobody else begins to make it.
   * @throws EnvironmentError if somebody else does, or has taken the world
   */
  async claim(): Promise<void> {
    const { docker, world, say } = this.#options
    this.#lost.signal.throwIfAborted()
    if (await this.isMaker()) return
    const attempt = await becomeMaker(docker, world, this.self)
    if (!attempt.taken) throw busy(world, attempt.holder)
    this.#maker = attempt.maker
    if (attempt.from !== null) say(tookOver(world, attempt.from))
    try {
      if (this.#hold === null) await this.enter()
      this.#lost.signal.throwIfAborted()
    } catch (error) {
      await this.#endMaking()
      throw error
    }
    this.#hold?.endsWithWan()
  }

  /** Whether what there is of the world is ours to remove. */
  async isMaker(): Promise<boolean> {
    return this.#maker !== null && (await isMakerStill(this.#options.docker, this.#maker))
  }

  /** Once the world's WAN is there: holds it, and is its maker no more. @throws EnvironmentError if somebody else has it */
  async attach(): Promise<void> {
    const { world, say } = this.#options
    const deadline = performance.now() + attachWithinMs
    for (;;) {
      const attempt = await this.#attempt(deadline)
      if (attempt === 'none') return
      if (attempt.taken) {
        if (attempt.from !== null && attempt.from.doing !== guardsWork) say(tookOver(world, attempt.from))
        this.#follow(attempt.hold)
        break
      }
      // The guard looks at a new world as well, and whoever comes too early goes again.
      if (performance.now() > deadline) throw busy(world, attempt.sight.holder)
      await sleep(lookEveryMs)
    }
    await this.#endMaking()
  }

  async release(): Promise<void> {
    const hold = this.#hold
    this.#hold = null
    await hold?.release()
    await this.#endMaking()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #follow(hold: Hold): void {
    const former = this.#hold
    this.#hold = hold
    void former?.release()
    hold.lost.addEventListener('abort', () => {
      if (this.#hold === hold) this.#lost.abort(hold.lost.reason)
    })
  }

  async #endMaking(): Promise<void> {
    const maker = this.#maker
    this.#maker = null
    if (maker !== null) await endMaking(this.#options.docker, maker)
  }

  /** `none`: no WAN runs that keeps one. `silent`: one runs, and does not answer. */
  async #takeFromWan(): Promise<Hold | 'none' | 'silent'> {
    const { docker, world, say, onGuard } = this.#options
    const guardDeadline = performance.now() + guardHealsWithinMs
    let waits = false
    for (;;) {
      const wan = (await listContainers(docker, world)).find(({ service }) => service === 'wan')
      if (wan?.state !== 'running') return 'none'
      const deadline = performance.now() + wanAnswersWithinMs
      const attempt = await this.#attempt(deadline).catch((): 'silent' => 'silent')
      if (typeof attempt === 'string') return attempt
      if (attempt.taken) {
        if (attempt.from !== null && attempt.from.doing !== guardsWork) say(tookOver(world, attempt.from))
        return attempt.hold
      }
      const { state, holder } = attempt.sight
      const guards = holder?.doing === guardsWork
      if (state === 'held' && (!guards || performance.now() > guardDeadline)) throw busy(world, holder)
      if (!waits && guards && onGuard !== undefined) await onGuard()
      else if (!waits && guards) say(`waiting for the guard of world ${world}, which heals what a dead drill left`)
      else if (!waits && holder !== null)
        say(`the WAN of world ${world} was restarted: waiting whether ${holderWords(holder)} comes back`)
      waits = true
      await sleep(lookEveryMs)
    }
  }

  /** `none`: this WAN knows no holds. @throws Error if it does not answer until the deadline */
  async #attempt(deadline: number): Promise<HoldAttempt | 'none'> {
    const { docker, world } = this.#options
    for (;;) {
      try {
        return await takeHold({ world, name: 'driver', holder: this.self, locate: locateWan(docker, world) })
      } catch (error) {
        if (error instanceof CallRefused && error.status === 404) return 'none'
        if (performance.now() > deadline) throw error
      }
      await sleep(lookEveryMs)
    }
  }
}

function tookOver(world: string, holder: Holder): string {
  return `took over world ${world} from ${holderWords(holder)}, which has died`
}

export function busy(world: string, holder: Holder | null): EnvironmentError {
  const who = holder === null ? 'somebody else' : holderWords(holder)
  return new EnvironmentError(`world ${world} is held by ${who}: wait for it, end it, or use --world NAME`)
}
