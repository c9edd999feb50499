// Every network fault in every form, in a whole world: injected, proven, healed, proven healed, and ended by itself when nobody heals.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { z } from 'zod'
import { FaultImpossible } from '#chaos/fault.ts'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { askDns, handshakeTimes } from '#chaos/inside.ts'
import { handlerOf } from '#chaos/library.ts'
import { linkChanges, readLedger } from '#chaos/wan-calls.ts'
import { faultSpec } from '#protocol/faults.ts'
import { manualDrill, type LedgerEntry } from '#protocol/wan.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { type DockerWorld, openWorldOn } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { firedrill } from './firedrill.ts'
import { eventually } from './rig.ts'

const docker = dockerOf(loadHostConfig())
const name = `test-network-${randomBytes(3).toString('hex')}`

type Words = z.input<typeof faultSpec> extends infer Spec ? (Spec extends unknown ? Omit<Spec, 'id'> : never) : never

/** What is injected, and what the proof must tell. */
const cases: readonly (readonly [Words, RegExp])[] = [
  [{ kind: 'partition', target: 'region c' }, /dropped since on c -> a, c -> b, c -> na, .*, ap -> c$/],
  [
    { kind: 'partition', target: 'region c', clients: 'stay' },
    /on c -> a, c -> b, a -> c, b -> c, \d+ delivered on c -> na/,
  ],
  [{ kind: 'partition', target: 'region c', class: 'postgres' }, /dropped since on c -> a/],
  [{ kind: 'partition', target: 'na -> c' }, /dropped since on na -> c, \d+ delivered on c -> na$/],
  [{ kind: 'partition', target: 'a -> c', class: 'kafka' }, /dropped since on a -> c, \d+ delivered on c -> a$/],
  [
    { kind: 'partition', target: 'c,ap|eu' },
    /on c -> eu, ap -> eu, eu -> c, eu -> ap, \d+ delivered on c -> ap, ap -> c$/,
  ],
  [{ kind: 'partition', target: 'bridge b' }, /on a -> c, c -> a, \d+ delivered on b -> a, b -> c, a -> b, c -> b$/],
  [{ kind: 'partition', target: 'b -> c', flap: { down: '500ms', up: '500ms' } }, /which deliver in their up turns$/],
  [{ kind: 'link-degrade', target: 'b <-> c', delay: '200ms' }, /handshakes over b -> c took 4\d\d/],
  [{ kind: 'link-degrade', target: 'b -> c', delay: '300ms', class: 'postgres' }, /handshakes over b -> c took 3\d\d/],
  [
    { kind: 'link-degrade', target: 'na <-> eu', delay: '100ms', jitter: 0.5 },
    /handshakes over na -> eu took \d+ to \d+ ms/,
  ],
  [{ kind: 'link-degrade', target: 'na -> eu', delay: '20s' }, /not through within 2 s: it takes 20050 ms/],
  [{ kind: 'link-degrade', target: 'b <-> c', loss: 0.1 }, /packets on b -> c were dropped, .* on c -> b were dropped/],
  [{ kind: 'link-degrade', target: 'all', loss: 0.01, jitter: 0.1 }, /packets on a -> b/],
  [{ kind: 'link-degrade', target: 'b -> c', reorder: 0.2, class: 'kafka' }, /let through ahead of others/],
  [{ kind: 'link-degrade', target: 'a -> na', bandwidth: '500kbit' }, /bytes in \d+ ms over a -> na of a burst/],
  [{ kind: 'link-degrade', target: 'b -> c', bandwidth: '10Mbit', class: 'app' }, /overflowed its queue/],
  [{ kind: 'replication-lag', target: 'region b' }, /region b streams from a and is \d+ bytes of WAL behind/],
  [{ kind: 'fence-break', target: 'fence device', mode: 'refuse' }, /the fence device answers 503/],
  [{ kind: 'fence-break', target: 'fence device' }, /the fence device is silent/],
  [{ kind: 'dns-fail', target: 'dns.a' }, /^dns\.a answers SERVFAIL; resolver\.na answers /],
  [
    { kind: 'dns-fail', target: 'dns.*', mode: 'silent' },
    /dns\.c answers nothing; resolver\.na answers (nothing|SERVFAIL)/,
  ],
  [{ kind: 'dns-fail', target: 'dns.a, dns.b', mode: 'stale' }, /dns\.b answers NOERROR with/],
]

/** One of each kind, and what the WAN carries out in turns. */
const left: readonly Words[] = [
  { kind: 'partition', target: 'region c' },
  { kind: 'partition', target: 'b -> c', flap: { down: '300ms', up: '300ms' } },
  { kind: 'link-degrade', target: 'b <-> c', delay: '300ms', loss: 0.2 },
  { kind: 'replication-lag', target: 'region b' },
  { kind: 'fence-break', target: 'fence device' },
  { kind: 'dns-fail', target: 'dns.*' },
]

async function order(...argv: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await firedrill(...argv, '--world', name)
  assert.equal(exitCode, 0, `${argv.join(' ')}: ${stderr}`)
}

function describeWords({ kind, target, ...options }: Words): string {
  const more = Object.entries(options).map(
    ([option, value]) => `${option} ${JSON.stringify(value).replaceAll('"', '')}`,
  )
  return [kind, target, ...more].join(' ')
}

async function timed<Value>(work: () => Promise<Value>): Promise<{ readonly value: Value; readonly seconds: string }> {
  const beganMs = performance.now()
  const value = await work()
  return { value, seconds: ((performance.now() - beganMs) / 1000).toFixed(1) }
}

describe('network faults in a world', () => {
  let world: DockerWorld
  const table: string[] = ['fault | inject s | proof s | proof | heal s | healed']

  before(async () => {
    await order('up', '--no-dashboard')
    world = await openWorldOn(docker, name)
  })
  after(async () => {
    world?.wayIn.close()
    await removeWorld(docker, name)
    console.log(table.join('\n'))
  })

  for (const [words, expected] of cases)
    test(`${describeWords(words)}: takes effect, and goes`, async () => {
      const spec = faultSpec.parse({ id: 'it', for: '120s', ...words })
      const injected = await timed(() => injectFault(world, manualDrill, spec))
      const { entry } = injected.value
      const proven = await timed(() => proveFault(world, entry)).catch(async (error: unknown) => {
        await healFault(world, entry)
        throw error
      })
      const healed = await timed(() => healFault(world, entry))
      table.push(
        [describeWords(words), injected.seconds, proven.seconds, proven.value, healed.seconds, healed.value].join(
          ' | ',
        ),
      )
      assert.match(proven.value, expected)
      assert.deepEqual([await readLedger(world), await linkChanges(world)], [[], []])
    })

  // Not in the ledger, so the world's guard knows nothing of them.
  for (const words of left)
    test(`${describeWords(words)}: ends by itself when nobody heals it`, async () => {
      const spec = faultSpec.parse({ id: 'left', for: '6s', ...words })
      const handler = handlerOf(spec.kind)
      const entry: LedgerEntry = {
        id: `test.${spec.kind}`,
        drill: 'test',
        kind: spec.kind,
        target: spec.target,
        detail: handler.detail(spec),
        injectedNs: '0',
        expiresNs: '0',
      }
      await handler.inject(world, entry)
      assert.equal(await handler.isHealed(world, entry), null)
      const { value, seconds } = await timed(() => eventually('the end', () => handler.isHealed(world, entry), 60_000))
      table.push(`${describeWords(words)}, for 6 s | | | nobody heals it | ${seconds} | ${value}`)
      assert.deepEqual(await linkChanges(world), [])
    })

  test('a standby alone can lag: the primary is sent no WAL', async () => {
    const spec = faultSpec.parse({ id: 'lag', kind: 'replication-lag', target: 'region a' })
    await assert.rejects(injectFault(world, manualDrill, spec), FaultImpossible)
    assert.deepEqual(await readLedger(world), [])
  })

  test('a cut lets no handshake through, and a link of a class that was not cut does', async () => {
    const spec = faultSpec.parse({ id: 'cut', kind: 'partition', target: 'b -> c', class: 'postgres' })
    const { entry } = await injectFault(world, manualDrill, spec)
    const source = { site: 'b', service: 'app' } as const
    const times = async (host: string, port: number): Promise<number> =>
      (await handshakeTimes(world, { source, host, port, class: 'app' }, { count: 2, pauseMs: 10 })).length
    assert.deepEqual([await times('postgres.c', 9000), await times('app.c', 9000)], [0, 2])
    await healFault(world, entry)
    assert.equal(await times('postgres.c', 9000), 2)
  })

  test('a resolver leaves a server that fails for another one', async () => {
    const spec = faultSpec.parse({ id: 'fails', kind: 'dns-fail', target: 'dns.a' })
    const { entry } = await injectFault(world, manualDrill, spec)
    const client = { site: 'na', service: 'client' } as const
    await eventually('an answer to a name that no cache knows', async () => {
      const unknown = `x${randomBytes(4).toString('hex')}.firedrill.test`
      return (await askDns(world, client, 'resolver.na', unknown))?.code === 'NXDOMAIN'
    })
    await healFault(world, entry)
  })

  test('a stale server goes on telling clients of the old write region', async () => {
    const spec = faultSpec.parse({ id: 'stale', kind: 'dns-fail', target: 'dns.c', mode: 'stale' })
    const { entry } = await injectFault(world, manualDrill, spec)
    const told = async (region: 'b' | 'c'): Promise<string | undefined> => {
      const asker = { site: region, service: 'app' } as const
      return (await askDns(world, asker, `dns.${region}`, 'orders.firedrill.test'))?.address?.split('.')[3]
    }
    assert.deepEqual([await told('b'), await told('c')], ['1', '1'])
    // To whichever standby has the most.
    await order('failover')
    const now = await eventually('word of the new region from dns.b', async () => {
      const octet = await told('b')
      return octet !== undefined && octet !== '1' && octet
    })
    assert.equal(await told('c'), '1')
    await healFault(world, entry)
    await eventually('word of the new region from dns.c', async () => (await told('c')) === now)
  })
})
