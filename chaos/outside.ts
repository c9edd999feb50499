// What is done to a world beside a drill: faults that somebody else has injected, and what somebody makes Docker do with a container
// that no fault of the ledger holds. Pure: it is shown what the drill sees.
import type { LedgerEntry } from '#protocol/wan.ts'
import type { FaultRecord } from '#protocol/journal.ts'
import type { SharedVerb } from './held.ts'
import { holdsOf } from './holds.ts'
import { handlerOf } from './library.ts'
import type { ContainerEvent, Sight } from './sight.ts'
import { nameOf, regionOf, containersOf, servicesOf, unlessUnread } from './targets.ts'

/** What Docker was told to do, as its kind is called in a journal. */
const kinds = {
  kill: 'docker-kill',
  pause: 'docker-pause',
  update: 'docker-update',
  disconnect: 'docker-disconnect',
  signal: 'docker-signal',
} as const
type Act = keyof typeof kinds

/** By their default no process ends: CHLD, CONT, STOP, TSTP, URG, WINCH. */
const harmlessSignals: ReadonlySet<string> = new Set(['17', '18', '19', '20', '23', '28'])

/** The verbs by which a fault may hold a container while Docker does this to it: a limit of memory kills what it starves. */
const verbsOf: Readonly<Record<'kill' | 'pause' | 'update', readonly string[]>> = {
  kill: ['dead', 'memory'],
  pause: ['paused'],
  update: ['cpu', 'memory'],
}

/** Docker tells its own clock, which is mapped to the WAN's within this. */
const clockDoubtNs = 100_000_000n
/** One command may name many containers, one after another. */
const togetherNs = 2_000_000_000n

interface Entry {
  readonly entry: LedgerEntry
  goneNs: bigint | null
  /** Containers that somebody else took out of its hands, and when. */
  readonly freed: Map<string, bigint>
}

/** A signal that is older did not end a container. */
const dyingNs = 60_000_000_000n

interface Doing {
  readonly id: string
  readonly act: Act
  readonly names: string[]
  readonly firstNs: bigint
  lastNs: bigint
  /** Those for which it is not undone yet. */
  readonly left: Set<string>
  ended: { readonly atNs: bigint; readonly why: string } | null
}

interface Seen {
  /** Signals that it was sent since it was started, in order. */
  signals: readonly ContainerEvent[]
  networks: readonly string[]
  networksNs: bigint
}

export interface OutsidePorts {
  /** A container ended, and nobody had told Docker to end it. */
  onDied(name: string, atNs: bigint): void
  /** Of what is new in `faults`. */
  onFound(fault: FaultRecord): void
}

export class Outside {
  readonly #drill: string
  readonly #ports: OutsidePorts
  /** Each has an id and a time of its own. */
  readonly #entries = new Map<string, Entry>()
  /** Removed before the drill began. */
  #before: ReadonlySet<string> | null = null
  readonly #doings: Doing[] = []
  readonly #seen = new Map<string, Seen>()
  readonly #begun = new Map<Act, number>()
  readonly #told = new Set<string>()
  #clearNs: bigint | null = null
  #blindNs = 0n
  /** Whose they are is not known before the ledger can be read. */
  readonly #pending: ContainerEvent[] = []

  constructor(drill: string, ports: OutsidePorts) {
    this.#drill = drill
    this.#ports = ports
  }

  /** Sights must be shown in order, the first of them before the load begins: what is over by then is not told. */
  see(sight: Sight): void {
    const { ledger, containers, atNs } = sight
    if (ledger !== null) this.#keep(ledger, atNs)
    const blindNs = atNs - (this.#clearNs ?? atNs)
    if (blindNs > this.#blindNs) this.#blindNs = blindNs
    if (ledger !== null && containers !== null) this.#clearNs = atNs
    const events = [...this.#pending.splice(0), ...sight.events]
    // No fault may have the WAN itself.
    const isKnown = ({ name }: ContainerEvent): boolean => ledger !== null || name === 'wan'
    this.#pending.push(...events.filter((each) => !isKnown(each)))
    for (const event of events.filter(isKnown)) this.#judge(event)
    this.#compareNetworks(sight)
    this.#tellNew()
  }

  #tellNew(): void {
    for (const fault of this.faults) {
      if (this.#told.has(fault.id)) continue
      this.#told.add(fault.id)
      this.#ports.onFound(fault)
    }
  }

  /** The longest time in which nobody could tell. */
  get blindMs(): number {
    return Math.round(Number(this.#blindNs) / 1e6)
  }

  /** A fault of the drill, which the ledger may never be asked about again. */
  own(entry: LedgerEntry): void {
    if (!this.#entries.has(keyOf(entry))) this.#remember(entry, null)
  }

  #remember(entry: LedgerEntry, goneNs: bigint | null): void {
    const freed = this.#entries.get(keyOf(entry))?.freed ?? new Map<string, bigint>()
    this.#entries.set(keyOf(entry), { entry, goneNs, freed })
  }

  /** What is still open since the ledger could not be read is judged by what is known of it: nobody can inject anything without it. */
  finish(): void {
    for (const event of this.#pending.splice(0)) this.#judge(event)
    this.#tellNew()
  }

  /** In order of their beginnings; each as it is known now. */
  get faults(): readonly FaultRecord[] {
    const injected = [...this.#entries.values()].filter(({ entry }) => entry.drill !== this.#drill)
    const all = [...injected.map(recordOfEntry), ...this.#doings.map(recordOfDoing)]
    return all.toSorted((left, right) => (BigInt(left.firstNs) < BigInt(right.firstNs) ? -1 : 1))
  }

  #keep({ entries, past }: NonNullable<Sight['ledger']>, atNs: bigint): void {
    const known = this.#entries
    const before = (this.#before ??= new Set(past.map(({ entry }) => keyOf(entry))))
    const gone = past.filter(({ entry }) => !before.has(keyOf(entry)))
    for (const { entry, goneNs } of gone) this.#remember(entry, BigInt(goneNs))
    for (const entry of entries) this.#remember(entry, null)
    // A WAN that was restarted has forgotten what was removed before.
    const there = new Set([...entries, ...gone.map((each) => each.entry)].map(keyOf))
    for (const [key, each] of known) if (!there.has(key)) each.goneNs ??= atNs
  }

  #inForce({ betweenNs: [earliestNs, latestNs] }: ContainerEvent): readonly Entry[] {
    return [...this.#entries.values()].filter(({ entry, goneNs }) => {
      const fromNs = BigInt(entry.injectedNs) - clockDoubtNs
      return latestNs >= fromNs && (goneNs === null || earliestNs <= goneNs + clockDoubtNs)
    })
  }

  #isHeld(event: ContainerEvent, verbs: readonly string[]): boolean {
    return this.#inForce(event).some(({ entry, freed }) => {
      const isIts = holdsOf(entry).some((hold) => verbs.some((verb) => hold === `${verb}:${event.name}`))
      const freedNs = freed.get(event.name)
      return isIts && (freedNs === undefined || event.atNs <= freedNs || isInHeal(entry, event))
    })
  }

  /** Whoever undoes what a fault has done, but for its own heal, has the container from then on. */
  #free(event: ContainerEvent, verb: SharedVerb): void {
    for (const { entry, freed } of this.#inForce(event))
      if (holdsOf(entry).includes(`${verb}:${event.name}`) && !isInHeal(entry, event) && !freed.has(event.name))
        freed.set(event.name, event.atNs)
  }

  #died(event: ContainerEvent, { signals }: Seen): void {
    const { name, atNs } = event
    const deadly = signals.filter((each) => atNs - each.atNs <= dyingNs && !harmlessSignals.has(each.signal ?? ''))
    const last = deadly.at(-1)
    this.#forgetSignals(name, deadly)
    if (last === undefined) {
      if (!this.#inForce(event).some(({ entry }) => coversContainer(entry, name))) this.#ports.onDied(name, atNs)
    } else if (!this.#isHeld(last, verbsOf.kill)) {
      // A stop asks first, and kills what does not end.
      const first = deadly.find((each) => !this.#isHeld(each, verbsOf.kill)) ?? last
      this.#do('kill', name, first.atNs, atNs)
    }
  }

  #judge(event: ContainerEvent): void {
    const { name, action, atNs } = event
    const seen = this.#seenOf(name)
    if (action === 'kill') {
      seen.signals = [...seen.signals, event]
      if (!this.#isHeld(event, verbsOf.kill)) this.#begin('signal', name, atNs, atNs)
    } else if (action === 'die') {
      this.#undo('pause', name, atNs, 'died')
      this.#died(event, seen)
    } else if (action === 'start') {
      seen.signals = []
      this.#free(event, 'dead')
      this.#undo('kill', name, atNs, 'was started')
    } else if (action === 'pause' && !this.#isHeld(event, verbsOf.pause)) this.#do('pause', name, atNs, atNs)
    else if (action === 'unpause') {
      this.#free(event, 'paused')
      this.#undo('pause', name, atNs, 'was unpaused')
    } else if (action === 'update' && !this.#isHeld(event, verbsOf.update)) {
      this.#undo('update', name, atNs, 'was updated again')
      this.#do('update', name, atNs, atNs)
    }
  }

  /** Docker tells of no container that it takes from a network; only that it is not there any more. */
  #compareNetworks({ containers, atNs }: Sight): void {
    for (const [name, { state, networks }] of containers ?? []) {
      if (state !== 'running' && state !== 'paused') continue
      const seen = this.#seenOf(name)
      const isWhole = seen.networks.every((each) => networks.includes(each))
      if (isWhole) {
        this.#undo('disconnect', name, atNs, 'is attached again')
        seen.networks = networks
        seen.networksNs = atNs
      } else this.#do('disconnect', name, seen.networksNs, atNs)
    }
  }

  #seenOf(name: string): Seen {
    const before = this.#seen.get(name)
    if (before !== undefined) return before
    const seen: Seen = { signals: [], networks: [], networksNs: 0n }
    this.#seen.set(name, seen)
    return seen
  }

  #do(act: Act, name: string, firstNs: bigint, lastNs: bigint): void {
    // Docker may tell twice what was done once.
    if (this.#isDone(act, name)) return
    const same = this.#doings.findLast((each) => each.act === act)
    if (same?.ended === null && !same.names.includes(name) && firstNs - same.lastNs <= togetherNs) {
      same.names.push(name)
      same.left.add(name)
      same.lastNs = lastNs
    } else this.#begin(act, name, firstNs, lastNs)
  }

  #isDone(act: Act, name: string): boolean {
    return this.#doings.some((each) => each.act === act && each.left.has(name))
  }

  #begin(act: Act, name: string, firstNs: bigint, lastNs: bigint): void {
    const number = (this.#begun.get(act) ?? 0) + 1
    this.#begun.set(act, number)
    // With a dot, so that no fault of a runbook has it.
    const id = `${kinds[act]}.${number}`
    this.#doings.push({ id, act, names: [name], firstNs, lastNs, left: new Set([name]), ended: null })
  }

  /** Those by which a container ended are told as its end. */
  #forgetSignals(name: string, signals: readonly ContainerEvent[]): void {
    const times = new Set(signals.map(({ atNs }) => atNs))
    const rest = this.#doings.filter(
      ({ act, names, firstNs }) => !(act === 'signal' && names[0] === name && times.has(firstNs)),
    )
    this.#doings.splice(0, this.#doings.length, ...rest)
  }

  #undo(act: Act, name: string, atNs: bigint, what: string): void {
    for (const doing of this.#doings) {
      if (doing.act !== act || !doing.left.delete(name)) continue
      if (doing.left.size === 0) doing.ended = { atNs, why: `container ${name} ${what}` }
    }
  }
}

function keyOf({ id, injectedNs }: LedgerEntry): string {
  return `${id} ${injectedNs}`
}

/** Whether a container is of what a fault strikes, so that its end may be that fault's doing. */
function coversContainer({ target }: LedgerEntry, name: string): boolean {
  const read = target.startsWith('region ') ? () => containersOf(regionOf(target)) : () => servicesOf(target)
  return unlessUnread(read, []).some((each) => nameOf(each) === name)
}

/** Its own heal may do anything with its containers. */
function isInHeal({ healing, healingNs }: LedgerEntry, { betweenNs: [, latestNs] }: ContainerEvent): boolean {
  return healing === true && (healingNs === undefined || latestNs >= BigInt(healingNs) - clockDoubtNs)
}

type Told = Pick<FaultRecord, 'id' | 'kind' | 'target' | 'firstNs' | 'proof' | 'healProof'> & {
  readonly lastNs: string
  readonly healedNs: string | null
  readonly healBeganNs: string | null
  readonly momentary: boolean
}

/** In the order of the schema: so it is written, and so it is read again. */
function recordOf(told: Told): FaultRecord {
  const { id, kind, target, firstNs, lastNs, proof, healedNs, healProof, healBeganNs, momentary } = told
  const ofDrill = { background: false, outside: true }
  const times = { firstNs, lastNs, proof, healedNs, healProof, healBeganNs }
  return { id, kind, target, ...ofDrill, ...times, momentary, endedNs: null, endedBy: null, blindMs: 0 }
}

function recordOfEntry({ entry, goneNs, freed }: Entry): FaultRecord {
  const { id, kind, target, injectedNs, expiresNs, healingNs } = entry
  const isEndedByWan = unlessUnread(() => handlerOf(kind).endsBy === 'the WAN', false)
  const containers = holdsOf(entry).filter((hold) => /^(dead|paused):/.test(hold))
  const lastFreed = [...freed].toSorted(([, left], [, right]) => (left < right ? -1 : 1)).at(-1)
  const byHand = lastFreed !== undefined && freed.size === containers.length ? lastFreed : null
  const ends = [
    healingNs,
    goneNs?.toString(),
    isEndedByWan && goneNs !== null ? expiresNs : undefined,
    byHand?.[1].toString(),
  ]
  const [first] = ends.filter((each) => each !== undefined).toSorted((left, right) => compareNs(left, right))
  return recordOf({
    id,
    kind,
    target,
    firstNs: injectedNs,
    lastNs: injectedNs,
    proof: 'it was in the ledger',
    healedNs: byHand?.[1].toString() ?? goneNs?.toString() ?? null,
    healProof:
      byHand !== null
        ? `container ${byHand[0]} was brought back by somebody`
        : goneNs === null
          ? null
          : 'it was taken out of the ledger',
    healBeganNs: first ?? null,
    momentary: false,
  })
}

function recordOfDoing({ id, act, names, firstNs, lastNs, ended }: Doing): FaultRecord {
  const isMoment = act === 'signal'
  const endNs = isMoment ? firstNs.toString() : (ended?.atNs.toString() ?? null)
  return recordOf({
    id,
    kind: kinds[act],
    target: names.join(', '),
    firstNs: firstNs.toString(),
    lastNs: lastNs.toString(),
    proof: 'Docker told it',
    healedNs: endNs,
    healProof: isMoment ? 'it was over at once' : (ended?.why ?? null),
    healBeganNs: endNs,
    momentary: isMoment,
  })
}

function compareNs(left: string, right: string): number {
  return BigInt(left) < BigInt(right) ? -1 : 1
}
