// What a valid topology becomes, read by compose itself (`config` starts nothing): each container is given what its own reader takes.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { sites } from '#protocol/sites.ts'
import { topology } from '#protocol/topology.ts'
import { loadConfig, loadHostConfig, loadWorldConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { run } from '#world/child-process.ts'
import { bringCompose } from '#world/compose.ts'
import { disksOverride } from '#world/disks.ts'
import { topologyOf, worldVariables } from '#world/topology-environment.ts'

interface Effective {
  readonly services: Readonly<Record<string, { readonly environment: Readonly<Record<string, unknown>> }>>
  readonly volumes: Readonly<Record<string, { readonly driver_opts?: { readonly o: string } }>>
}

for (const words of [
  {},
  { commit: 'async', 'max-loss': '0s', 'dns-ttl': '0s', 'accept-data-loss': true },
  { home: 'c', steering: 'dns', 'dns-ttl': '24h', 'max-loss': '24h', 'fence-path': 'out-of-band', disk: '64GiB' },
  { 'max-loss': '33.3s', 'dns-ttl': '1h', disk: '0.3GiB' },
])
  test(`compose and every container take ${JSON.stringify(words)}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'firedrill-compose-'))
    try {
      const wanted = topology.parse(words)
      const prefixes = sites.map((_, index) => `198.18.${index}`)
      const variables = worldVariables({ world: 'test-config', topology: wanted, prefixes, tag: 'x', port: 7777 })
      const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
      await writeFile(join(folder, '.env'), lines.join(''))
      await writeFile(join(folder, 'disks.yml'), disksOverride('test-config', wanted) ?? '{}')
      const config = loadHostConfig()
      const { command } = await bringCompose(config, () => {})
      const files = [join(checkout, 'docker-compose.yml'), ...(wanted.disk === null ? [] : [join(folder, 'disks.yml')])]
      const ended = await run(
        [...command, '--env-file', join(folder, '.env'), ...files.flatMap((file) => ['-f', file]), 'config'],
        { environment: config.environment },
      )
      assert.equal(ended.exitCode, 0, ended.stderr)
      const { services, volumes } = parse(ended.stdout) as Effective
      for (const [name, { environment }] of Object.entries(services)) {
        const given = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]))
        if (name === 'wan') loadWorldConfig(given)
        else loadConfig(given)
        assert.deepEqual(topologyOf(Object.entries(given).map(([key, value]) => `${key}=${value}`)), wanted, name)
      }
      if (wanted.disk !== null) assert.equal(volumes['postgres-a']?.driver_opts?.o, `size=${wanted.disk},mode=0755`)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
