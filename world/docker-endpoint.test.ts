// The endpoint of Docker, as the docker command itself finds it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadHostConfig } from '#runtime/config.ts'
import { findEndpoint } from './docker-endpoint.ts'
import { EnvironmentError } from './environment-error.ts'

function dockerFolder(
  context: { after(work: () => void): void },
  current: string,
  known: Readonly<Record<string, string>>,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'firedrill-docker-'))
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: {}, currentContext: current }))
  for (const [name, host] of Object.entries(known)) {
    const meta = join(folder, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'))
    mkdirSync(meta, { recursive: true })
    writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }))
  }
  return folder
}

test('DOCKER_HOST wins over the context', (context) => {
  const folder = dockerFolder(context, 'desktop', {})
  const endpoint = findEndpoint(loadHostConfig({ DOCKER_HOST: 'tcp://192.0.2.1:2375', DOCKER_CONFIG: folder }))
  assert.deepEqual(endpoint.options, { host: '192.0.2.1', port: 2375 })
})

test('the current context is followed', (context) => {
  const folder = dockerFolder(context, 'desktop', { desktop: 'unix:///home/someone/.docker/desktop/docker.sock' })
  const endpoint = findEndpoint(loadHostConfig({ DOCKER_CONFIG: folder }))
  assert.equal(endpoint.context, 'desktop')
  assert.deepEqual(endpoint.options, { socketPath: '/home/someone/.docker/desktop/docker.sock' })
})

test('without a configuration it is the default socket', () => {
  const endpoint = findEndpoint(loadHostConfig({ DOCKER_CONFIG: '/nonexistent' }))
  assert.equal(endpoint.host, 'unix:///var/run/docker.sock')
})

test('a context that does not exist and an address of an unknown kind are refused in one line', (context) => {
  const folder = dockerFolder(context, 'gone', { far: 'ssh://user@192.0.2.1' })
  for (const name of ['gone', 'far'])
    assert.throws(
      () => findEndpoint(loadHostConfig({ DOCKER_CONFIG: folder, DOCKER_CONTEXT: name })),
      (error) => error instanceof EnvironmentError && !error.message.includes('\n'),
    )
})
