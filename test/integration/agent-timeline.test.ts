// The word of a new timeline, told from agent to agent: it must save time only, never bring in what Postgres would not have got.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lsnFromBigInt, lsnToBigInt } from '#protocol/epoch.ts'
import { AgentNodes, failOverTo, type AgentNode } from './agent-nodes.ts'

const folder = '/var/lib/firedrill/postgres/data/pg_wal'

/** Status and body of a control call, made in the container of `node` to its own agent. */
async function post(node: AgentNode, path: string, body: object): Promise<{ status: number; body: unknown }> {
  const script = `
    const token = JSON.parse(require('node:fs').readFileSync('/run/secrets.json', 'utf8')).control
    const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' }
    fetch('http://127.0.0.1:9000${path}', { method: 'POST', headers, body: ${JSON.stringify(JSON.stringify(body))} })
      .then(async (reply) => console.log(JSON.stringify({ status: reply.status, body: await reply.json() })))`
  return JSON.parse(await node.run('node', '-e', script)) as { status: number; body: unknown }
}

const timelines = async (node: AgentNode): Promise<string> =>
  node.run('sh', '-c', `cd ${folder} && ls *.history && cat *.history`)

void test('a new timeline is taken from the primary of the promised epoch only, and only where that epoch begins', async () => {
  await using nodes = await AgentNodes.start()
  const { a, b, c } = nodes
  await failOverTo(1, a, [b, c])
  const word = { epoch: 2, primary: 'c', timeline: 9, text: '1\t0/1000000\tmade up\n' }
  assert.equal((await post(b, '/timeline', word)).status, 409, 'epoch 2 is not promised')

  await b.promise(2)
  assert.deepEqual(await post(b, '/timeline', word), { status: 200, body: { planted: false } })
  const history = await failOverTo(3, c, [a, b])
  const told = await timelines(c)
  assert.ok(told.includes(history.at(-1)?.startLsn ?? ''), told)
  for (const follower of [a, b]) assert.equal(await timelines(follower), told)

  for (const wrong of [
    { ...word, epoch: 3 },
    { ...word, epoch: 3, primary: 'a', text: `1\t${history.at(-1)?.startLsn}\tmade up\n` },
    { ...word, epoch: 4 },
  ])
    assert.equal((await post(b, '/timeline', wrong)).status, 409, JSON.stringify(wrong))
  assert.equal(await timelines(b), told)
})

void test('a node says when it has replayed up to a place, and that it has not', async () => {
  await using nodes = await AgentNodes.start()
  const { a, b, c } = nodes
  await failOverTo(1, a, [b, c])
  await a.order('first')
  const end = (await a.status()).position?.lsn ?? ''
  assert.deepEqual((await post(b, '/reach', { lsn: end, withinMs: 5000 })).body, { reached: true })
  const beyond = lsnFromBigInt(lsnToBigInt(end) + 0x10000000n)
  assert.deepEqual((await post(b, '/reach', { lsn: beyond, withinMs: 50 })).body, { reached: false })
})
