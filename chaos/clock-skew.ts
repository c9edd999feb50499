// The wall clock of single processes is ahead or behind; their monotonic clock is not. What shows the wrong time is libfaketime,
// preloaded in these containers (docker-compose.yml), which reads the skew from a file once a second.
import { z } from 'zod'
import { clockReply } from '#protocol/wan.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { factsOf } from './containers.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { holdOn } from './held.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const skewFile = '/var/lib/firedrill-clock'
const skewDetail = z.object({ target: z.string(), byMs: z.number() })

/** The file is read once a second; a busy machine may let a process wait for its turn. */
const seenWithinMs = 8000
const timeoutMs = 2000

/** libfaketime's own form: seconds with a sign. */
function skewText(byMs: number): string {
  return `${byMs < 0 ? '-' : '+'}${Math.abs(byMs) / 1000}\n`
}

async function write(world: RunningWorld, target: string, byMs: number): Promise<void> {
  await Promise.all(servicesOf(target).map(async (each) => world.writeFile(each, skewFile, skewText(byMs))))
}

const clockCall = { method: 'GET', path: '/clock', reply: clockReply, timeoutMs } as const

/** Docker may run in a machine whose clock is another than the harness's: the WAN's is what is right. */
function clockOf(world: RunningWorld): Promise<z.output<typeof clockReply>> {
  return world.wayIn.wan(clockCall)
}

/**
 * How far a process's wall clock is from the WAN's, exact however long the calls take: both are held against the one monotonic
 * clock of the kernel. That it is one is checked too.
 */
async function skewOf(world: RunningWorld, target: Target): Promise<number> {
  const before = await clockOf(world)
  const seen = await world.wayIn.control(nameOf(target), clockCall)
  const after = await clockOf(world)
  const monotonicNs = BigInt(seen.monotonicNs)
  if (monotonicNs < BigInt(before.monotonicNs) || monotonicNs > BigInt(after.monotonicNs))
    throw new FaultUnproven(`expected the monotonic clock of ${nameOf(target)} to be the kernel's, saw another`)
  const passedMs = Number(monotonicNs - BigInt(before.monotonicNs)) / 1e6
  return seen.wallMs - (before.wallMs + passedMs)
}

const question = ['psql', '-h', '/var/run/postgresql', '-U', 'agent', '-d', 'firedrill', '-Atc']

/** Postgres is a process of its own beside its agent. Null if it does not answer; else exact to half of the time that asking takes. */
async function skewOfPostgres(world: RunningWorld, target: Target): Promise<number | null> {
  const before = await clockOf(world)
  const query = 'select extract(epoch from clock_timestamp()) * 1000'
  const { exitCode, stdout } = await world.exec(target, [...question, query])
  const after = await clockOf(world)
  return exitCode === 0 ? Number(stdout) - (before.wallMs + after.wallMs) / 2 : null
}

/** Half a second is what asking Postgres may take; small skews are told from none all the same. */
function isNear(seenMs: number, wantedMs: number, byMs: number): boolean {
  return Math.abs(seenMs - wantedMs) < Math.min(2000, Math.abs(byMs) / 2)
}

async function skewsOf(world: RunningWorld, target: Target): Promise<readonly number[]> {
  const own = await skewOf(world, target)
  if (target.service !== 'postgres') return [own]
  const database = await skewOfPostgres(world, target)
  return database === null ? [own] : [own, database]
}

const seconds = (ms: number): string => `${ms < 0 ? '-' : '+'}${(Math.abs(ms) / 1000).toFixed(1)} s`

async function proveSkew(world: RunningWorld, target: Target, byMs: number): Promise<string> {
  const deadline = performance.now() + seenWithinMs
  for (;;) {
    const seen = await skewsOf(world, target)
    const text = seen.map(seconds).join(' and ')
    if (seen.every((each) => isNear(each, byMs, byMs))) return `${nameOf(target)} itself says ${text}`
    if (performance.now() > deadline)
      throw new FaultUnproven(`expected the wall clock of ${nameOf(target)} at ${seconds(byMs)}, saw ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

export const clockSkew: FaultHandler<'clock-skew'> = {
  summary:
    'the wall clock of app, controller or Postgres with its agent is ahead or behind; monotonic clocks stay right',
  expected: (spec) =>
    `${spec.target}: the wall clock ${seconds(spec.by)} off; nothing else changes, since nothing decides by it`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('clock')),

  detail: (spec) => ({ target: spec.target, byMs: spec.by }),

  inject(world, entry) {
    const { target, byMs } = skewDetail.parse(entry.detail)
    return between(world, () => write(world, target, byMs))
  },

  async prove(world, entry) {
    const { target, byMs } = skewDetail.parse(entry.detail)
    const seen: string[] = []
    for (const each of servicesOf(target)) seen.push(await proveSkew(world, each, byMs))
    return `${seen.join(', ')}; the monotonic clock is the kernel's`
  },

  async lookCloser(world, entry) {
    const { target, byMs } = skewDetail.parse(entry.detail)
    // One that does not run shows no time; it reads the file when it does.
    const running = (await factsOf(world, servicesOf(target))).filter((each) => each.state === 'running')
    for (const each of running) {
      const seen = await skewsOf(world, each)
      if (!seen.every((one) => isNear(one, byMs, byMs)))
        return `the wall clock of ${each.label} is at ${seen.map(seconds).join(' and ')}`
    }
    return null
  },

  heal(world, entry) {
    return write(world, skewDetail.parse(entry.detail).target, 0)
  },

  async isHealed(world, entry) {
    const { target, byMs } = skewDetail.parse(entry.detail)
    // One that does not run reads the file when it does.
    const running = (await factsOf(world, servicesOf(target))).filter((each) => each.state === 'running')
    for (const each of running) {
      const seen = await skewsOf(world, each).catch(() => null)
      if (seen === null || !seen.every((one) => isNear(one, 0, byMs))) return null
    }
    return `${target}: the wall clock is right${running.length === 0 ? ' as soon as it runs' : ''}`
  },
}
