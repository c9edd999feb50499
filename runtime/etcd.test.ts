// Which member is asked: a write must not go to one that answers, but has lost its leader.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Etcd } from './etcd.ts'

interface Member extends AsyncDisposable {
  readonly endpoint: string
  readonly asked: string[]
  cutOff: boolean
}

/** Cut off, it answers what it knows by itself, and lets everything else wait. */
async function startMember(): Promise<Member> {
  const asked: string[] = []
  const member = { asked, cutOff: false }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    if (member.cutOff && path !== '/v3/maintenance/status') return
    response.end(JSON.stringify({ header: { revision: '7' }, leader: '1', succeeded: true, kvs: [] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(member, {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

void test('a write goes to the nearest member, but not to one that has answered no read since it lost its leader', async () => {
  await using near = await startMember()
  await using far = await startMember()
  let nowMs = 0
  const etcd = new Etcd([near.endpoint, far.endpoint], () => nowMs)
  const writes = (member: Member): number => member.asked.filter((path) => path === '/v3/kv/txn').length
  try {
    await etcd.swap('key', '1', [], 1000)
    assert.deepEqual([writes(near), writes(far)], [1, 0])
    near.cutOff = true
    // The near one is seen to fail, and the far one answers.
    await etcd.readPrefix('key', 200)
    nowMs += 60_000
    await etcd.leader(1000)
    assert.equal(near.asked.at(-1), '/v3/maintenance/status')
    await etcd.swap('key', '1', [], 1000)
    assert.deepEqual([writes(near), writes(far)], [1, 1])
    near.cutOff = false
    await etcd.readPrefix('key', 1000)
    await etcd.swap('key', '1', [], 1000)
    assert.deepEqual([writes(near), writes(far)], [2, 1])
  } finally {
    await etcd.close()
  }
})
