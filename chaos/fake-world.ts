// A world in memory for tests: containers with states, and a WAN that keeps links, ledger and counters, and carries traffic on all
// links that are up. No Docker, no sites.
import { topology } from '#protocol/topology.ts'
import { linkClasses, regionHosts, regions, sites, type LinkClass, type Site } from '#protocol/sites.ts'
import type { Counters, Ending, LedgerEntry, LedgerHistory, LinkChange, LinksReply } from '#protocol/wan.ts'
import type {
  ContainerFacts,
  DockerEvent,
  Limits,
  RunningWorld,
  ServiceName,
  Target,
  WayInCall,
} from '#world/running-world.ts'
import type { UnsupportedFault } from '#world/fault-support.ts'
import type { z } from 'zod'

type State = ContainerFacts['state']

export interface FakeWorld extends RunningWorld {
  readonly ledger: LedgerEntry[]
  readonly links: LinkChange[]
  /** What the WAN tells of changes that have ended. */
  readonly ended: Ending[]
  /** When the WAN began, and whether it answers. */
  readonly wan: { sinceNs: bigint; isDead: boolean }
  /** Docker's event stream says this. The fake's wall clock stands at 0, so it happened now; below 0: so many ms ago. */
  emit(name: string, action: string, wallMs?: number): void
  /** Containers that are attached to other networks than one. */
  readonly networks: Map<string, readonly string[]>
  /** Docker ends the stream of events. */
  breakEvents(): void
  /** Everything that was done, in order, in short words. */
  readonly done: string[]
  stateOf(name: string): State | undefined
  setState(name: string, state: State): void
  /** What control listeners answer, in order; the last answer stays. Hosts without any don't answer. */
  readonly answers: Map<string, unknown[]>
  /** What was written into containers, by `app.a:/path`. */
  readonly files: Map<string, string>
  readonly limits: Map<string, Limits>
  /** What its Docker can't do. */
  readonly unsupported: UnsupportedFault[]
  /** Answers `exec`; without it only handshakes are timed. */
  onExec: ((container: string, argv: readonly string[]) => string | Promise<string>) | null
  /** Containers that refuse to change: what Docker does on a bad day. */
  readonly stuck: Set<string>
}

function nameOf(target: Target): string {
  return target.site === null ? target.service : `${target.service}.${target.site}`
}

export function createFakeWorld(): FakeWorld {
  const states = new Map<string, { target: Target; state: State }>()
  const add = (target: Target): unknown => states.set(nameOf(target), { target, state: 'running' })
  for (const region of regions)
    for (const service of Object.keys(regionHosts)) add({ site: region, service: service as ServiceName })
  add({ site: null, service: 'wan' })
  const ledger: LedgerEntry[] = []
  const links: LinkChange[] = []
  const ended: Ending[] = []
  const fence: { brokenBy: string | null } = { brokenBy: null }
  const wan = { sinceNs: 1n, isDead: false }
  const listeners = new Set<(event: DockerEvent) => void>()
  const closers = new Set<() => void>()
  const emit = (name: string, action: string, wallMs = 0): void => {
    const target = states.get(name)?.target
    if (target !== undefined) for (const each of listeners) each({ ...target, action, wallMs })
  }
  const networks = new Map<string, readonly string[]>()
  const past: LedgerHistory['past'] = []
  const done: string[] = []
  const stuck = new Set<string>()
  const answers = new Map<string, unknown[]>()
  const files = new Map<string, string>()
  const limits = new Map<string, Limits>()
  const unsupported: UnsupportedFault[] = []
  const hooks: Pick<FakeWorld, 'onExec'> = { onExec: null }
  const limitsOf = (target: Target): Limits => limits.get(nameOf(target)) ?? { processors: null, memoryBytes: null }
  let nowNs = 1_000_000_000n
  let throttled = 0
  const counted = new Map<string, Counters['links'][number]>()

  const answer = (call: WayInCall<z.ZodType>): unknown => {
    nowNs += 1_000_000n
    const atNs = nowNs.toString()
    const [, noun, id = '', verb] = call.path.split('/').map(decodeURIComponent)
    const request = `${call.method} /${noun}`
    done.push([request, id, verb].filter((each) => each !== undefined && each !== '').join(' '))
    if (noun === 'clock') return { monotonicNs: atNs, wallMs: 0 }
    if (request === 'POST /fence' && id === 'break') fence.brokenBy = (call.body as { id?: string }).id ?? null
    if (request === 'POST /fence' && id === 'mend') fence.brokenBy = null
    if (noun === 'fence')
      return { atNs, broken: fence.brokenBy === null ? null : 'silent', ...fence, ended: [...ended], dataSets: [] }
    if (request === 'POST /ledger')
      return changeEntry(
        ledger,
        id,
        verb === 'renew' ? { expiresNs: `${nowNs + 60_000_000_000n}` } : { healing: true, healingNs: atNs },
      )
    if (request === 'GET /ledger') return { entries: [...ledger], past: [...past] }
    if (request === 'PUT /ledger') return ledger.push(call.body as LedgerEntry)
    if (request === 'DELETE /ledger') {
      past.push(...ledger.filter((each) => each.id === id).map((entry) => ({ entry, goneNs: atNs })))
      return removeAll(ledger, id)
    }
    if (request === 'GET /links')
      return {
        atNs,
        sinceNs: `${wan.sinceNs}`,
        ended: [...ended],
        layers: [...links],
        fenced: [],
        effective: everyFlow(links),
      }
    if (request === 'DELETE /links') {
      if (links.some((each) => each.id === id)) ended.push({ id, why: 'removed', atNs })
      removeAll(links, id)
      return { atNs }
    }
    if (request === 'POST /links') {
      links.push(...(call.body as { changes: LinkChange[] }).changes)
      return { atNs }
    }
    if (request === 'GET /counters') {
      for (const flow of everyFlow(links)) count(counted, flow)
      return { atNs, links: [...counted.values()] }
    }
    throw new Error(`the fake WAN knows no ${request}`)
  }
  const change = (word: string, state: State) => (targets: readonly Target[]) => {
    done.push(`${word} ${targets.map(nameOf).join(',')}`)
    for (const target of targets) {
      const entry = states.get(nameOf(target))
      if (entry !== undefined && !stuck.has(nameOf(target))) entry.state = state
    }
    return Promise.resolve()
  }
  const nothingThere = (): Promise<never> => Promise.reject(new Error('the fake world has no sites'))
  return {
    name: 'fake',
    topology: topology.parse({}),
    secrets: { control: 'control-token-0000', fence: 'fence-token-00000', postgres: 'password-00000000' },
    wayIn: {
      wan: async (call) => {
        if (wan.isDead) throw new Error('connection refused')
        return call.reply.parse(answer(call))
      },
      control: async (host, call) => {
        const queue = answers.get(host) ?? []
        const answer = queue.length > 1 ? queue.shift() : queue[0]
        if (answer === undefined) throw new Error(`${host} of the fake world does not answer`)
        return call.reply.parse(answer)
      },
      connect: nothingThere,
      forward: nothingThere,
    },
    containers: () =>
      Promise.resolve(
        [...states].map(([name, { target, state }]) => ({
          ...target,
          name,
          id: name,
          image: 'fake',
          state,
          failoverRole: null,
          networks: networks.get(name) ?? ['inside'],
        })),
      ),
    engine: () =>
      Promise.resolve({ version: '0', compose: null, processors: 1, memoryBytes: 1, kernel: 'fake', system: 'fake' }),
    unsupportedFaults: () => Promise.resolve(unsupported),
    kill: change('kill', 'exited'),
    stop: change('stop', 'exited'),
    start: change('start', 'running'),
    pause: change('pause', 'paused'),
    unpause: change('unpause', 'running'),
    exec: async (target, argv) => ({
      exitCode: 0,
      stdout: (await hooks.onExec?.(nameOf(target), argv)) ?? handshakes(links, target, argv),
      stderr: '',
    }),
    writeFile: async (target, path, text) => {
      files.set(`${nameOf(target)}:${path}`, text)
    },
    limitsOf: async (target) => limitsOf(target),
    limit: async (target, wanted) => {
      limits.set(nameOf(target), { ...limitsOf(target), ...wanted })
    },
    statistics: async (target) => {
      const { processors, memoryBytes } = limitsOf(target)
      throttled += processors === null ? 0 : 1
      return {
        throttledPeriods: throttled,
        memoryBytes: 1,
        memoryLimitBytes: memoryBytes,
        ranOutOfMemory: false,
      }
    },
    logs: () => Promise.resolve(''),
    events: async (_sinceMs, onEvent) => {
      listeners.add(onEvent)
      const closed = Promise.withResolvers<void>()
      closers.add(() => closed.resolve())
      return { closed: closed.promise, close: () => listeners.delete(onEvent) }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ledger,
    links,
    ended,
    wan,
    emit,
    networks,
    breakEvents: () => {
      listeners.clear()
      for (const close of closers) close()
      closers.clear()
    },
    done,
    answers,
    files,
    limits,
    unsupported,
    get onExec() {
      return hooks.onExec
    },
    set onExec(answer) {
      hooks.onExec = answer
    },
    stuck,
    stateOf: (name) => states.get(name)?.state,
    setState: (name, state) => {
      const entry = states.get(name)
      if (entry !== undefined) entry.state = state
    },
  }
}

function changeEntry(ledger: LedgerEntry[], id: string, change: Partial<LedgerEntry>): object {
  const at = ledger.findIndex((each) => each.id === id)
  const found = ledger[at]
  if (found !== undefined) ledger[at] = { ...found, ...change }
  return { entries: [...ledger], renewed: found !== undefined }
}

function removeAll(list: { readonly id: string }[], id: string): null {
  for (let index = list.length - 1; index >= 0; index -= 1) if (list[index]?.id === id) list.splice(index, 1)
  return null
}

type Flow = LinksReply['effective'][number]

function effective(changes: readonly LinkChange[], from: Site, to: Site, linkClass: LinkClass): Flow {
  const matching = changes.filter((change) => change.from.includes(from) && change.to.includes(to))
  const sets = matching.filter((change) => (change.class ?? linkClass) === linkClass).map((change) => change.set)
  const untouched = { up: true, delayMs: 40, jitter: 0, loss: 0, reorder: 0, bandwidthBps: 0 }
  return { from, to, class: linkClass, ...untouched, ...Object.assign({}, ...sets) } as Flow
}

function everyFlow(changes: readonly LinkChange[]): readonly Flow[] {
  return sites.flatMap((from) =>
    sites
      .filter((to) => to !== from)
      .flatMap((to) => linkClasses.map((linkClass) => effective(changes, from, to, linkClass))),
  )
}

/** A thousand packets on each link and class. */
function count(counted: Map<string, Counters['links'][number]>, flow: Flow): void {
  const { from, to, class: linkClass, up, loss, reorder } = flow
  const key = [from, to, linkClass].join()
  const before = counted.get(key) ?? { packets: 0, bytes: 0, dropped: 0, reordered: 0 }
  const lost = up ? loss * 1000 : 1000
  counted.set(key, {
    from,
    to,
    class: linkClass,
    packets: before.packets + 1000 - lost,
    bytes: before.bytes + (1000 - lost) * 100,
    dropped: before.dropped + lost,
    reordered: before.reordered + (1000 - lost) * reorder,
  })
}

/** What the script that times a handshake prints: the host is its first argument, microseconds. */
function handshakes(changes: readonly LinkChange[], source: Target, argv: readonly string[]): string {
  const host = argv.find((each) => /^[a-z]+\.[a-z]+$/.test(each))
  if (!argv.some((each) => each.includes('EPOCHREALTIME')) || host === undefined || source.site === null) return ''
  const to = host.split('.')[1] as Site
  const linkClass = host.startsWith('postgres') ? 'postgres' : 'app'
  const there = effective(changes, source.site, to, linkClass)
  const back = effective(changes, to, source.site, linkClass)
  return there.up && back.up ? `${(there.delayMs + back.delayMs + 1) * 1000}\n` : ''
}
