// Who has the world: one holder of each name, by a connection that dies with it. On disk before it is answered, so that a restart
// of the WAN gives the world to nobody else.
import {
  holdNames,
  keptHolds,
  type Holder,
  type HoldName,
  type HoldSight,
  type HoldsReply,
  type KeptHolds,
} from '#protocol/holds.ts'
import { readJson, writeDurably } from './durable.ts'

/** After a restart of the WAN the former holders have this time to come back. */
export const returnWithinMs = 10_000
const mostHealed = 100

/** What a holder hears. */
export interface HoldConnection {
  /** The hold was ended by somebody's call. */
  ended(by: string): void
  /** Its holder has come back by another connection. */
  replaced(): void
}

export type TakeAnswer =
  { readonly taken: true; readonly from: Holder | null } | { readonly taken: false; readonly sight: HoldSight }

export class Holds {
  readonly #file: string
  readonly #nowMs: () => number
  readonly #awayUntilMs: number
  readonly #connections = new Map<HoldName, HoldConnection>()
  #kept: KeptHolds

  /** @param nowMs a clock that never steps; the former holders' time begins now */
  constructor(file: string, nowMs: () => number) {
    this.#file = file
    this.#nowMs = nowMs
    this.#awayUntilMs = nowMs() + returnWithinMs
    this.#kept = keptHolds.parse(readJson(file) ?? { driver: null, guard: null, healed: [] })
  }

  sight(name: HoldName): HoldSight {
    const kept = this.#kept[name]
    if (kept === null) return { state: 'free', holder: null }
    if (kept.state === 'dead' || this.#connections.has(name)) return kept
    return { state: this.#nowMs() < this.#awayUntilMs ? 'away' : 'dead', holder: kept.holder }
  }

  sights(): HoldsReply {
    return { driver: this.sight('driver'), guard: this.sight('guard') }
  }

  /** A holder gets back what it had, unless somebody else has taken it since. */
  take(name: HoldName, holder: Holder, connection: HoldConnection): TakeAnswer {
    const sight = this.sight(name)
    const isBack = sight.holder?.id === holder.id
    if (!isBack && (sight.state === 'held' || sight.state === 'away')) return { taken: false, sight }
    this.#keep({ [name]: { state: 'held', holder } })
    const former = this.#connections.get(name)
    this.#connections.set(name, connection)
    if (former !== connection) former?.replaced()
    return { taken: true, from: isBack ? null : sight.holder }
  }

  release(name: HoldName, connection: HoldConnection): void {
    if (this.#connections.get(name) !== connection) return
    this.#keep({ [name]: null })
    this.#connections.delete(name)
  }

  /** Closed without a release: its holder has died, and whoever comes next is told so. */
  closed(name: HoldName, connection: HoldConnection): void {
    if (this.#connections.get(name) !== connection) return
    const { holder } = this.sight(name)
    this.#connections.delete(name)
    if (holder !== null) this.#keep({ [name]: { state: 'dead', holder } })
  }

  /** Another is to take the place of the guard with this id; nothing is done to a later one. */
  endGuard(id: string, by: string): void {
    if (this.#kept.guard?.holder.id !== id) return
    const connection = this.#connections.get('guard')
    this.#keep({ guard: null })
    this.#connections.delete('guard')
    connection?.ended(by)
  }

  noteHealed(sentence: string): void {
    this.#keep({ healed: [...this.#kept.healed, sentence].slice(-mostHealed) })
  }

  takeHealed(): readonly string[] {
    const { healed } = this.#kept
    if (healed.length > 0) this.#keep({ healed: [] })
    return healed
  }

  #keep(change: Partial<KeptHolds>): void {
    const kept = { ...this.#kept, ...change }
    writeDurably(this.#file, JSON.stringify(kept))
    this.#kept = kept
  }
}

export function isHoldName(text: string): text is HoldName {
  return holdNames.some((each) => each === text)
}
