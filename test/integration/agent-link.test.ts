// The link between Postgres's walreceiver and its source, on real Postgres: what is asked ahead is what Postgres asks, and where it
// is not, the node streams all the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { lsnFromBigInt, lsnToBigInt } from '#protocol/epoch.ts'
import { AgentNodes, failOverTo, type AgentNode } from './agent-nodes.ts'
import { eventually } from './rig.ts'

const folder = '/var/lib/firedrill/postgres/data/pg_wal'

/** What the link of `node` told of streams in `epoch`, oldest first. */
async function told(node: AgentNode, epoch: number): Promise<string[]> {
  const detail = z.looseObject({ question: z.string().optional(), seen: z.string().optional() }).optional()
  const event = z.object({ kind: z.string(), epoch: z.number(), detail })
  const { events } = await node.get('/events', z.object({ events: z.array(event) }))
  return events
    .filter((each) => each.kind.startsWith('agent-anticipated') && each.epoch === epoch)
    .map((each) => `${each.kind}: ${each.detail?.question ?? each.detail?.seen}`)
}

/** What the primary counts as its quorum. */
const quorum = async (node: AgentNode): Promise<string> =>
  node.sql(`SELECT string_agg(application_name || ' ' || sync_state, ', ' ORDER BY 1) FROM pg_stat_replication`)

/** The primary `b` counts `c` as its quorum in epoch 2, and `c` gets what `b` writes. */
async function vouches(b: AgentNode, c: AgentNode): Promise<void> {
  assert.equal(await quorum(b), 'c-2 quorum')
  await b.order('after')
  await eventually('c to have the order', async () => (await c.keys()).includes('after'))
}

/** Promotes b in epoch 2, and orders c to follow once it has heard of the timeline, as it would by b a little later. */
async function failOverToB({ b, c }: AgentNodes): Promise<{ forkLsn: string }> {
  const { position, history } = await b.promise(2)
  assert.ok(position !== null)
  const promoted = b.promote(2)
  const text = await eventually('the new timeline', async () => {
    const text = await b.run('sh', '-c', `cat ${folder}/00000003.history 2>&1`)
    return text.includes('\t') && `${text}\n`
  })
  await c.hear({ epoch: 2, primary: 'b', timeline: 3, text })
  await c.follow(2, 'b', [...history, { epoch: 2, startLsn: position.lsn }])
  await promoted
  await c.streams('b')
  return { forkLsn: position.lsn }
}

const segmentOf = (lsn: string): string => lsnFromBigInt(lsnToBigInt(lsn) & ~0xfffffn)

/** c streams from b in cascade, a is out of the way, and b has promised epoch 2: as in a switchover, before the promotion. */
async function prepareSwitchover({ a, b, c }: AgentNodes): Promise<{ forkLsn: string }> {
  const history = await failOverTo(1, a, [b, c])
  await a.order('before')
  await eventually('b to have the order', async () => (await b.keys()).includes('before'))
  await c.follow(2, 'b', history, true)
  await eventually('c to stream from b', async () => (await c.status()).following === 'b')
  await eventually('b to send to c', async () => (await b.sql('SELECT state FROM pg_stat_replication')) === 'streaming')
  await a.promise(2)
  const { position } = await b.promise(2)
  assert.ok(position !== null)
  return { forkLsn: position.lsn }
}

void test('failover: what a fresh walreceiver asks is at the source before it asks, and it vouches', async () => {
  await using nodes = await AgentNodes.start()
  const { a, b, c } = nodes
  await failOverTo(1, a, [b, c])
  await Promise.all([a, b, c].map((node) => node.promise(2)))
  const { forkLsn } = await failOverToB(nodes)
  const asked = [`agent-anticipated: START_REPLICATION ${segmentOf(forkLsn)} TIMELINE 3`]
  assert.deepEqual(await told(c, 2), asked, await c.log())
  await vouches(b, c)
})

void test('failover: a node that is behind the fork is taken to its end, and on to the new timeline, before it asks', async () => {
  await using nodes = await AgentNodes.start()
  const { a, b, c } = nodes
  await failOverTo(1, a, [b, c])
  const { position } = await c.promise(2)
  assert.ok(position !== null)
  await a.order('ahead of c')
  await a.promise(2)
  const { forkLsn } = await failOverToB(nodes)
  assert.notEqual(position.lsn, forkLsn)
  assert.deepEqual(await told(c, 2), [
    `agent-anticipated: START_REPLICATION ${segmentOf(position.lsn)} TIMELINE 2`,
    `agent-anticipated: START_REPLICATION ${segmentOf(forkLsn)} TIMELINE 3`,
  ])
  await vouches(b, c)
})

void test('switchover: at the end of a timeline the next is asked for before the walreceiver asks, and it vouches', async () => {
  await using nodes = await AgentNodes.start()
  const { b, c } = nodes
  const { forkLsn } = await prepareSwitchover(nodes)
  // Without 40 ms in between the walreceiver would be faster than b's word of its timeline.
  const parents = await b.run('sh', '-c', `cat ${folder}/00000002.history`)
  const text = `${parents}\n\n2\t${forkLsn}\tno recovery target specified\n`
  await c.hear({ epoch: 2, primary: 'b', timeline: 3, text })
  await b.promote(2)
  const asked = await eventually('the link to tell', async () => {
    const asked = await told(c, 2)
    return asked.length > 0 && asked
  })
  assert.deepEqual(asked, [`agent-anticipated: START_REPLICATION ${segmentOf(forkLsn)} TIMELINE 3`])
  await vouches(b, c)
})

void test('a node for which the wrong stream was asked ahead gets nothing of it, and streams all the same', async () => {
  await using nodes = await AgentNodes.start()
  const { b, c } = nodes
  const { forkLsn } = await prepareSwitchover(nodes)
  const text = `2\t${lsnFromBigInt(lsnToBigInt(forkLsn) + 0x500000n)}\tmade up\n`
  await c.hear({ epoch: 2, primary: 'b', timeline: 9, text })
  await b.promote(2)
  assert.deepEqual(await told(c, 2), ['agent-anticipated-wrongly: TIMELINE_HISTORY 3'])
  await c.streams('b')
  await vouches(b, c)
})
