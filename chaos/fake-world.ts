// A world in memory for tests: containers with states, and a WAN that keeps links, ledger and counters. No Docker, no sites.
import { topology } from '#protocol/topology.ts'
import { regionHosts, regions } from '#protocol/sites.ts'
import type { LedgerEntry, LinkChange } from '#protocol/wan.ts'
import type { ContainerFacts, Limits, RunningWorld, ServiceName, Target, WayInCall } from '#world/running-world.ts'
import type { z } from 'zod'

type State = ContainerFacts['state']

export interface FakeWorld extends RunningWorld {
  readonly ledger: LedgerEntry[]
  readonly links: LinkChange[]
  /** Everything that was done, in order, in short words. */
  readonly done: string[]
  stateOf(name: string): State | undefined
  setState(name: string, state: State): void
  /** What control listeners answer, in order; the last answer stays. Hosts without any don't answer. */
  readonly answers: Map<string, unknown[]>
  readonly files: Map<string, string>
  readonly limits: Map<string, Limits>
  /** Answers `exec`; without it nothing can be executed. */
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
  const done: string[] = []
  const stuck = new Set<string>()
  const answers = new Map<string, unknown[]>()
  let nowNs = 1_000_000_000n
  let dropped = 0

  const answer = (call: WayInCall<z.ZodType>): unknown => {
    nowNs += 1_000_000n
    const atNs = nowNs.toString()
    const [, noun, id = ''] = call.path.split('/').map(decodeURIComponent)
    const request = `${call.method} /${noun}`
    done.push(id === '' ? request : `${request} ${id}`)
    if (noun === 'clock') return { monotonicNs: atNs, wallMs: 0 }
    if (noun === 'fence') return { atNs, broken: null, dataSets: [] }
    if (request === 'GET /ledger') return { entries: [...ledger] }
    if (request === 'PUT /ledger') return ledger.push(call.body as LedgerEntry)
    if (request === 'DELETE /ledger') return removeAll(ledger, id)
    if (request === 'GET /links') return { atNs, layers: [...links], fenced: [], effective: [] }
    if (request === 'DELETE /links') return removeAll(links, id)
    if (request === 'POST /links') {
      links.push(...(call.body as { changes: LinkChange[] }).changes)
      return { atNs }
    }
    if (request === 'GET /counters') {
      dropped += links.some((change) => change.set.up === false) ? 10 : 0
      return { atNs, links: [{ from: 'a', to: 'b', class: 'control', packets: 1, bytes: 1, dropped }] }
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
      wan: (call) => Promise.resolve().then(() => call.reply.parse(answer(call))),
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
        })),
      ),
    kill: change('kill', 'exited'),
    stop: change('stop', 'exited'),
    start: change('start', 'running'),
    pause: change('pause', 'paused'),
    unpause: change('unpause', 'running'),
    exec: nothingThere,
    logs: () => Promise.resolve(''),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ledger,
    links,
    done,
    answers,
    stuck,
    stateOf: (name) => states.get(name)?.state,
    setState: (name, state) => {
      const entry = states.get(name)
      if (entry !== undefined) entry.state = state
    },
  }
}

function removeAll(list: { readonly id: string }[], id: string): null {
  for (let index = list.length - 1; index >= 0; index -= 1) if (list[index]?.id === id) list.splice(index, 1)
  return null
}
