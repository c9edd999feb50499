// The stream of events when Docker goes away in the middle of it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import Dockerode from 'dockerode'
import { followEvents } from './docker-events.ts'
import type { DockerEvent } from './running-world.ts'
import { serviceLabel, siteLabel } from './world-containers.ts'

void test('ends when Docker goes away in the middle of a line, and has told what came whole', async (context) => {
  const event = {
    Action: 'die',
    timeNano: 2e9,
    Actor: { Attributes: { [serviceLabel]: 'postgres', [siteLabel]: 'a' } },
  }
  const heard = Promise.withResolvers<undefined>()
  const server = createServer((_request, response) => {
    response.write(`${JSON.stringify(event)}\n{"Action":"st`)
    void heard.promise.then(() => response.socket?.resetAndDestroy())
  })
  context.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const told: DockerEvent[] = []
  const docker = new Dockerode({ protocol: 'http', host: '127.0.0.1', port })
  const stream = await followEvents(docker, 'w', null, (each) => {
    told.push(each)
    heard.resolve(undefined)
  })
  await stream.closed
  assert.deepEqual(told, [{ site: 'a', service: 'postgres', action: 'die', wallMs: 2000 }])
})
