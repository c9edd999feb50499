// What `validate` says is valid, runs: generated runbooks, with values at and around their bounds, against the very parsers that
// receive each value: the containers' environment, the load client, the WAN, the DNS servers, Docker.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import type { z } from 'zod'
import { createFakeWorld, type FakeWorld } from '#chaos/fake-world.ts'
import { NothingToBreak } from '#chaos/fault.ts'
import { injectFault } from '#chaos/inject.ts'
import { dnsFailure } from '#protocol/dns.ts'
import { loadPlan } from '#protocol/operation.ts'
import type { Runbook } from '#protocol/runbook.ts'
import { sites } from '#protocol/sites.ts'
import { fenceBreak, ledgerEntry, linkRequest } from '#protocol/wan.ts'
import { Chance } from '#runtime/chance.ts'
import { loadConfig, loadWorldConfig } from '#runtime/config.ts'
import { disksOverride } from '#world/disks.ts'
import type { RunningWorld, WayInCall } from '#world/running-world.ts'
import { topologyOf, worldVariables } from '#world/topology-environment.ts'
import { drillName } from './drill-folder.ts'
import { planFor } from './load.ts'
import { methodLeaves } from './method.ts'
import { parseRunbook, RunbookInvalid } from './validate.ts'

/** At, below and above every bound that any of the parsers has, or had. */
const durations = [
  '0s',
  '0.4ms',
  '1ms',
  '49ms',
  '50ms',
  '0.1s',
  '250ms',
  '500ms',
  '999ms',
  '1s',
  '1.5s',
  '1.0005s',
  '33.3s',
]
  .concat([
    '59.999s',
    '60s',
    '60.001s',
    '2m',
    '9.99m',
    '10m',
    '10.1m',
    '0.7h',
    '1h',
    '1.1h',
    '24h',
    '24.1h',
    '596h',
    '597h',
  ])
  .concat(['9'.repeat(30) + 'h', '0.000001h'])
const sizes = [
  '0KiB',
  '1KiB',
  '5.9MiB',
  '6MiB',
  '64MiB',
  '255MiB',
  '256MiB',
  '0.3GiB',
  '512MiB',
  '1.7GiB',
  '64GiB',
  '65GiB',
].concat(['99999GiB', '9'.repeat(30) + 'GiB'])
const bandwidths = [
  '0bit',
  '1bit',
  '99bit',
  '999bit',
  '1kbit',
  '1.5kbit',
  '383kbit',
  '384kbit',
  '10Mbit',
  '100Gbit',
  '101Gbit',
].concat(['9'.repeat(30) + 'Gbit'])
const shares = [-0.1, 0, 0.001, 0.01, 0.5, 0.999, 1, 1.001]
const rates = [
  '0/s',
  '0.09/s',
  '0.1/s',
  '0.3/s',
  '1/s',
  '3/s',
  '100/s',
  '4999/s',
  '5000/s',
  '5001/s',
  '9000/s',
  '10000/s',
].concat(['10001/s', '15000/s', '9'.repeat(30) + '/s'])
const skews = ['+0s', '+1ms', '-999ms', '+1s', '-5m', '+24h', '-596h', '+597h', '-9999h', '+1.0005s']
const ids = ['a', 'outage', 'f'.repeat(32), 'f'.repeat(33), 'F', 'a'.repeat(90)]
const targets: Readonly<Record<string, readonly string[]>> = {
  'power-loss': ['region a', 'region c'],
  partition: ['region a', 'a -> b,c', 'a,na|b,c', 'bridge b', `a -> ${'b,'.repeat(500)}c`],
  'link-degrade': ['all', 'a -> b', 'a <-> b,c', 'na,eu,ap <-> a,b,c'],
  'replication-lag': ['region b'],
  freeze: ['region b'],
  pause: ['app.a', 'app.*', 'app.a, app.*', 'glb.na'],
  'memory-limit': ['app.a', 'kafka.*'],
  'cpu-starvation': ['postgres.a'],
  'clock-skew': ['app.a', 'controller.*, postgres.b'],
  'dns-fail': ['dns.a', 'dns.*', 'dns.a, dns.a'],
  'fence-break': ['fence device'],
}
type Words = Record<string, unknown>

/** Seldom there, so that most runbooks have one odd value, and what is wrong with one does not hide another. */
function maybe(chance: Chance, key: string, from: readonly unknown[]): Words {
  return chance.is(0.2) ? { [key]: chance.pick(from) } : {}
}

const details: Readonly<Record<string, (chance: Chance) => Words>> = {
  partition: (chance) =>
    maybe(
      chance,
      'flap',
      durations.map((down) => ({ down, up: chance.pick(['1s', ...durations]) })),
    ),
  'link-degrade': (chance) => ({
    loss: 0.5,
    ...maybe(chance, 'delay', durations),
    ...maybe(chance, 'jitter', shares),
    ...maybe(chance, 'reorder', shares),
    ...maybe(chance, 'bandwidth', bandwidths),
  }),
  'replication-lag': (chance) => maybe(chance, 'bandwidth', bandwidths),
  'memory-limit': (chance) => maybe(chance, 'limit', sizes),
  'cpu-starvation': (chance) => maybe(chance, 'share', shares),
  'clock-skew': (chance) => ({ by: chance.pick(skews) }),
}

function faultWords(chance: Chance): Words {
  const kind = chance.pick(Object.keys(targets))
  const id = chance.is(0.9) ? 'outage' : chance.pick(ids)
  const lasts = chance.is(0.1) ? { for: chance.pick(durations) } : {}
  return { id, kind, target: chance.pick(targets[kind] ?? []), ...lasts, ...details[kind]?.(chance) }
}

function draw(chance: Chance): string {
  const fault = faultWords(chance)
  const topology = {
    commit: chance.pick(['quorum', 'async']),
    home: chance.pick(['a', 'b', 'c']),
    steering: chance.pick(['glb', 'dns']),
    ...maybe(chance, 'max-loss', durations),
    ...maybe(chance, 'dns-ttl', durations),
    ...maybe(chance, 'disk', sizes),
    'accept-data-loss': chance.is(0.5),
    'fence-path': chance.pick(['in-band', 'out-of-band']),
  }
  const load = {
    rate: chance.is(0.8) ? '100/s' : chance.pick(rates),
    reads: chance.is(0.9) ? 0.5 : chance.pick(shares),
    from: chance.pick([['na'], ['na', 'eu'], ['na', 'eu', 'ap']]),
    ...maybe(chance, 'timeout', durations),
  }
  const method = [{ hold: chance.is(0.9) ? '1s' : chance.pick(durations) }, { fault }, { heal: fault['id'] }]
  const hypothesis = { 'success-rate': '>= 99%', p99: '<= 500ms' }
  return stringify({ title: 'Drawn', topology, load, 'steady-state-hypothesis': hypothesis, method })
}

function topologyRuns({ topology }: Runbook): void {
  const prefixes = sites.map((_, index) => `198.18.${index}`)
  const variables = worldVariables({ world: 'test-drawn', topology, prefixes, tag: 'x', port: null })
  // Compose takes the default where a variable is empty.
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''))
  for (const site of sites) loadConfig({ ...given, FIREDRILL_SITE: site })
  loadWorldConfig(given)
  assert.deepEqual(topologyOf(Object.entries(given).map(([name, value]) => `${name}=${value}`)), topology)
  const disks = disksOverride('test-drawn', topology)
  if (disks !== null) assert.match(disks, /o: size=\d+,mode=0755/)
}

function loadRuns(runbook: Runbook, chance: Chance): void {
  const drill = drillName(chance.pick(['drawn', 'gezogen – für Köln', '火'.repeat(80)]), new Date(0))
  const plan = loadPlan.parse(planFor(runbook, drill, chance.between(0, 2 ** 31 - 1), 1n))
  assert.ok((plan.rate * plan.timeoutMs) / 1000 <= 20_000, 'more connections than an address has ports')
}

/** The fake world, with the bodies of calls read by the shapes that their receivers read them by. */
function strictWorld(world: FakeWorld): RunningWorld {
  const read = (call: Pick<WayInCall<z.ZodType>, 'method' | 'path' | 'body'>): void => {
    const request = `${call.method} /${call.path.split('/')[1]}`
    if (request === 'POST /links') linkRequest.parse(call.body)
    if (request === 'PUT /ledger') {
      const { id } = ledgerEntry.parse(call.body)
      assert.ok(encodeURIComponent(id).length <= 100, `${id} is longer than a part of a path may be`)
    }
    if (call.path === '/fence/break') fenceBreak.parse(call.body)
    if (request === 'PUT /failure') dnsFailure.parse(call.body)
  }
  for (const region of ['a', 'b', 'c'])
    world.answers.set(`dns.${region}`, [{ writeRegion: 'a', readable: ['a'], failing: 'servfail' }])
  for (const name of ['postgres.a', 'postgres.b', 'postgres.c']) world.answers.delete(name)
  const paused = new Set<string>()
  return {
    ...world,
    wayIn: {
      ...world.wayIn,
      wan: (call) => (read(call), world.wayIn.wan(call)),
      control: (host, call) => (read(call), world.wayIn.control(host, call)),
    },
    pause: (pausing) => {
      for (const each of pausing) {
        const name = `${each.service}.${each.site}`
        assert.ok(!paused.has(name), `Docker pauses ${name} once`)
        paused.add(name)
      }
      return world.pause(pausing)
    },
    limit: (target, { memoryBytes, processors }) => {
      if (memoryBytes != null)
        assert.ok(memoryBytes >= 6 * 2 ** 20 && Number.isSafeInteger(memoryBytes), 'Docker refuses it')
      if (processors != null) assert.ok(processors >= 0.01 && processors <= 1, 'Docker refuses it')
      return world.limit(target, {
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
        ...(processors === undefined ? {} : { processors }),
      })
    },
  }
}

async function faultsRun(runbook: Runbook): Promise<void> {
  for (const { step } of methodLeaves(runbook)) {
    if (step.fault === undefined) continue
    const world = strictWorld(createFakeWorld())
    await injectFault(world, drillName('火'.repeat(80), new Date(0)), step.fault).catch((error: unknown) => {
      if (!(error instanceof NothingToBreak)) throw error
    })
  }
}

function parsed(text: string): Runbook | RunbookInvalid {
  try {
    return parseRunbook('drawn.yaml', text, { set: [], canApprove: false })
  } catch (error) {
    if (error instanceof RunbookInvalid) return error
    throw error
  }
}

void test('every value of a runbook that is valid is taken by whoever receives it; what is not is refused at its line', async () => {
  const seen = { valid: 0, refused: 0 }
  const broken = new Map<string, string>()
  for (let run = 0; run < 3000; run += 1) {
    const chance = new Chance(run, 14)
    const text = draw(chance)
    const runbook = parsed(text)
    if (runbook instanceof RunbookInvalid) {
      seen.refused += 1
      for (const problem of runbook.problems)
        assert.match(problem, /^drawn\.yaml:\d+:\d+: [a-z0-9.[\]-]+: expected .*, found /)
      continue
    }
    seen.valid += 1
    const runs = async (): Promise<void> => {
      topologyRuns(runbook)
      loadRuns(runbook, chance)
      await faultsRun(runbook)
    }
    await runs().catch((error: unknown) => {
      const message = (error as Error).message.replaceAll(/\s+/g, ' ')
      if (!broken.has(message)) broken.set(message, text)
    })
  }
  assert.deepEqual(
    [...broken].map(([message, text]) => `${message}\n${text}`),
    [],
  )
  assert.ok(seen.valid > 500 && seen.refused > 500, JSON.stringify(seen))
})
