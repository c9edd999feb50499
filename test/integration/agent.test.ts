// The agent and real Postgres: each of the design's seven rules as far as it lives in the node, and the two stories of
// PROTOCOL.md that were seen on real Postgres. The nodes are one set; each test leaves them streaming from a primary.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { exportedTail, type PromiseReply } from '#protocol/agent.ts'
import { lsnToBigInt, type History, type Position } from '#protocol/epoch.ts'
import { CallRefused } from '#runtime/http.ts'
import { AgentNodes, failOverTo, type AgentNode } from './agent-nodes.ts'
import { eventually } from './rig.ts'

let nodes: AgentNodes | undefined
let a: AgentNode
let b: AgentNode
let c: AgentNode
let all: AgentNode[] = []
let epoch = 0
let history: History = []

before(async () => {
  nodes = await AgentNodes.start()
  ;({ a, b, c } = nodes)
  all = nodes.all
})
after(async () => nodes?.[Symbol.asyncDispose]())

async function failOver(primary: AgentNode): Promise<void> {
  epoch += 1
  history = await failOverTo(
    epoch,
    primary,
    all.filter((node) => node !== primary),
  )
}

const isRefused = (error: unknown): boolean => error instanceof CallRefused && error.status === 409

/** A promise with a position: asked for again, as a controller does, until the node knows where its WAL ends. */
async function located(node: AgentNode): Promise<PromiseReply & { position: Position }> {
  return eventually('a promise with a position', async () => {
    const reply = await node.promise(epoch)
    const { position } = reply
    return position !== null && { ...reply, position }
  })
}

void test('three fresh nodes: promise, promote, follow, and a quorum commit', async () => {
  const fresh = await Promise.all(all.map((node) => node.status()))
  assert.deepEqual(
    fresh.map((status) => status.position),
    Array.from({ length: 3 }, () => fresh[0]?.position),
  )
  await failOver(a)
  await a.order('first')
  assert.deepEqual(await a.keys(), ['first'])
  const status = await eventually('both followers to be seen', async () => {
    const status = await a.status()
    return status.followers.length === 2 && status
  })
  assert.equal(status.state, 'primary')
  assert.equal(status.epochCommitted, true)
  assert.equal(await a.sql('SELECT epoch, region FROM firedrill.epoch'), '1|a')
})

void test('rule 1: after a promise not a byte of WAL is taken, and nothing is acknowledged by both who promised', async () => {
  epoch += 1
  const [fromB, fromC] = await Promise.all([b.promise(epoch), c.promise(epoch)])
  await a.run('psql', '-U', 'agent', '-d', 'firedrill', '-c', 'SET synchronous_commit = local; CREATE TABLE unseen ()')
  const later = await Promise.all([b.promise(epoch), c.promise(epoch)])
  assert.deepEqual(
    later.map((reply) => reply.position),
    [fromB.position, fromC.position],
  )
  const waiting = a.order('never-vouched-for')
  await eventually(
    'the commit to wait',
    async () => (await a.sql(`SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)) === '1',
  )
  const fromA = await located(a)
  assert.equal((await a.status()).state, 'standby')
  assert.doesNotMatch(await waiting, /INSERT/)
  assert.ok(fromB.position !== null)
  assert.ok(lsnToBigInt(fromA.position.lsn) > lsnToBigInt(fromB.position.lsn))
})

void test('rule 1: a promise is kept over a kill of the whole node, and a lower one is refused', async () => {
  await b.kill()
  await b.start()
  const status = await b.status()
  assert.equal(status.promised, epoch)
  assert.equal(status.state, 'standby')
  assert.equal(status.following, null)
  await assert.rejects(b.promise(epoch - 1), isRefused)
  await assert.rejects(b.follow(epoch - 1, 'a', history), isRefused)
})

void test('rule 2: a node is promoted only under exactly its promise, and never twice under one epoch', async () => {
  await assert.rejects(b.promote(epoch - 1), isRefused)
  await assert.rejects(b.promote(epoch + 1), isRefused)
  assert.equal((await b.status()).state, 'standby')
  // A candidate stalled after the promise; another came by with a higher epoch.
  await Promise.all(all.map((node) => node.promise(epoch + 1)))
  await assert.rejects(b.promote(epoch), isRefused)
  epoch += 1
})

void test('story 2: the longer unacked tail of an old primary counts for nothing; it is exported and rewound', async () => {
  const [, fromB] = await Promise.all([located(a), located(b)])
  const next = [...fromB.history, { epoch, startLsn: fromB.position.lsn }]
  // c stays unplugged: only a could be the quorum, and a holds more WAL than b, of which b knows nothing.
  const promoted = b.promote(epoch)
  const follow = await a.follow(epoch, 'b', next)
  assert.equal(follow.way, 'rewind')
  await a.streams('b')
  await promoted
  history = next
  assert.deepEqual(await a.keys(), ['first'])
  assert.equal((await a.status()).history.at(-1)?.epoch, epoch)
  const kinds = (await a.events()).map((event) => event.kind)
  assert.ok(kinds.includes('agent-exported'))
  const [name] = (await a.exports()).slice(-1)
  const tail = await a.get(`/exports/${name}`, exportedTail)
  assert.deepEqual(
    tail.orders.map((order) => order['idempotency_key']),
    ['never-vouched-for'],
  )
  assert.equal((await c.follow(epoch, 'b', history)).way, 'attach')
  await c.streams('b')
  assert.equal((await c.follow(epoch, 'b', history)).way, 'already')
})

void test('rule 2: a promotion that has no quorum does not block a higher promise', async () => {
  epoch += 1
  await Promise.all(all.map((node) => node.promise(epoch)))
  const stuck = c.promote(epoch)
  stuck.catch(() => undefined)
  await eventually('c to wait for its quorum', async () => (await c.status()).state === 'primary')
  assert.equal((await c.status()).epochCommitted, false)
  epoch += 1
  const reply = await c.promise(epoch)
  assert.ok(reply.position)
  await assert.rejects(stuck, isRefused)
  // Rule 3: c's WAL is now of the epoch that it began, whoever vouched for it.
  assert.equal(reply.position.epoch, epoch - 1)
})

void test('story 1: two promoted unaware of each other on one timeline id; the one is no prefix of the other', async () => {
  // c began the last epoch alone; b, which knows nothing of it, is promoted at the same place, on the same timeline id.
  const [fromB] = await Promise.all([located(b), a.promise(epoch)])
  history = [...fromB.history, { epoch, startLsn: fromB.position.lsn }]
  const promoted = b.promote(epoch)
  assert.equal((await c.follow(epoch, 'b', history)).way, 'rewind')
  await c.streams('b')
  await promoted
  await b.order('after-story-1')
  await eventually('c to have the order', async () => (await c.keys()).includes('after-story-1'))
  assert.equal((await a.follow(epoch, 'b', history)).way, 'attach')
  await a.streams('b')
})

void test('rule 4: following adopts the epoch first, and one epoch has one primary', async () => {
  const adopted = epoch + 1
  const next = [...history, { epoch: adopted, startLsn: (await b.promise(adopted)).position?.lsn ?? assert.fail() }]
  assert.equal((await a.follow(adopted, 'b', next)).way, 'attach')
  assert.equal((await a.status()).promised, adopted)
  await assert.rejects(a.promise(epoch), isRefused)
  await assert.rejects(a.follow(adopted, 'c', next), isRefused)
  await b.promote(adopted)
  epoch = adopted
  history = next
  await c.follow(epoch, 'b', history)
  await Promise.all([a.streams('b'), c.streams('b')])
})

void test('rule 4: a follower of an earlier epoch does not vouch, even if it streams', async () => {
  await failOver(b)
  epoch += 1
  // c is not reached: it goes on streaming from b under the old epoch, right through b's next promotion.
  const [fromB] = await Promise.all([located(b), a.promise(epoch)])
  const next = [...fromB.history, { epoch, startLsn: fromB.position.lsn }]
  const promoted = b.promote(epoch)
  await eventually(
    'c to stream from b all the same',
    async () =>
      (await b.sql(
        `SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'c-%' AND state = 'streaming'`,
      )) === '1' && (await b.status()).state === 'primary',
  )
  assert.equal(await b.sql(`SELECT string_agg(sync_state, ',') FROM pg_stat_replication`), 'async')
  assert.equal((await b.status()).epochCommitted, false)
  await a.follow(epoch, 'b', next)
  await promoted
  history = next
  await c.follow(epoch, 'b', history)
  await c.streams('b')
})

void test('rule 5: a half-made node counts for nothing, also after a restart, and a higher promise ends the copying', async () => {
  // A tail on a makes a rewind necessary; its source is not there yet, then cut short.
  await failOver(a)
  epoch += 1
  await Promise.all([b.promise(epoch), c.promise(epoch)])
  await a.run('psql', '-U', 'agent', '-d', 'firedrill', '-c', 'SET synchronous_commit = local; CREATE TABLE tail ()')
  const [, fromB] = await Promise.all([a.promise(epoch), located(b)])
  history = [...fromB.history, { epoch, startLsn: fromB.position.lsn }]
  const promoted = b.promote(epoch)
  await c.follow(epoch, 'b', history)
  await promoted
  assert.equal((await a.follow(epoch, 'b', history)).way, 'rewind')
  await eventually('a to be half-made', async () => !(await a.status()).whole)
  await a.kill()
  await a.start()
  const reply = await a.promise(epoch + 1)
  assert.equal(reply.whole, false)
  assert.equal(reply.position, null)
  await assert.rejects(a.promote(epoch + 1), isRefused)
  epoch += 1
  const [again] = await Promise.all([located(b), c.promise(epoch)])
  history = [...again.history, { epoch, startLsn: again.position.lsn }]
  await Promise.all([b.promote(epoch), c.follow(epoch, 'b', history)])
  assert.equal((await a.follow(epoch, 'b', history)).way, 'basebackup')
  await a.streams('b')
})

void test('kill -9 of the postmaster: seen at once, nothing starts by itself, an order revives it', async () => {
  await b.run('sh', '-c', 'kill -9 $(head -1 /var/lib/firedrill/postgres/data/postmaster.pid)')
  await eventually('the crash to be told', async () => (await b.status()).state === 'crashed')
  const down = await b.promise(epoch + 1)
  assert.equal(down.position, null)
  epoch += 1
  await Promise.all([c.promise(epoch), located(a), located(b)])
  assert.equal((await b.status()).state, 'standby')
  await failOver(a)
})

void test('an epoch that was begun is not begun again after a restart, and who began it says so', async () => {
  await a.kill()
  await a.start()
  await assert.rejects(a.promote(epoch), isRefused)
  const [fromA, fromC] = await Promise.all([a.promise(epoch), c.promise(epoch)])
  assert.equal(fromA.begun, epoch)
  assert.ok(fromC.begun < epoch)
  await failOver(b)
})

void test('malformed and unauthorised orders get one clear line', async () => {
  await assert.rejects(a.promise(0), (error) => error instanceof CallRefused && error.status === 400)
  await assert.rejects(a.follow(epoch + 1, 'b', [{ epoch: 2, startLsn: '0/1' }]), isRefused)
  await assert.rejects(
    a.get('/exports/nothing', exportedTail),
    (error) => error instanceof CallRefused && error.status === 404,
  )
})

void test('rule 1: while replay hangs the end of the WAL is not known, and a promise has no weight; what was seen last is no position', async () => {
  await failOver(a)
  const startup = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'"
  const replay = await c.sql(startup)
  const received = async (): Promise<bigint> =>
    lsnToBigInt(await c.sql('SELECT coalesce(flushed_lsn, pg_last_wal_receive_lsn()) FROM pg_stat_wal_receiver'))
  await c.run('kill', '-STOP', replay)
  try {
    await a.order('flushed by c, and not replayed')
    const written = lsnToBigInt(await a.sql('SELECT pg_current_wal_flush_lsn()'))
    await eventually('c to have flushed it', async () => (await received()) >= written)
    epoch += 1
    // The first asks while replay hangs; the second finds the promise made and asks for its position again.
    for (const reply of [await c.promise(epoch), await c.promise(epoch)]) {
      assert.equal(reply.whole, true)
      assert.equal(reply.position, null)
    }
    await assert.rejects(c.promote(epoch), isRefused)
    // The search fails; whoever asks again begins another.
    await c.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agent'")
  } finally {
    await c.run('kill', '-CONT', replay)
  }
  const fromC = await located(c)
  await located(a)
  history = [...fromC.history, { epoch, startLsn: fromC.position.lsn }]
  const promoted = c.promote(epoch)
  await b.follow(epoch, 'c', history)
  await promoted
  assert.ok((await c.keys()).includes('flushed by c, and not replayed'))
  await a.follow(epoch, 'c', history)
  await Promise.all([a.streams('c'), b.streams('c')])
})

void test('a node that was attached to a standby ahead of its promotion gives its position, should the promotion be given up', async () => {
  await failOver(a)
  await a.order('before the move')
  epoch += 1
  const ahead = await c.follow(epoch, 'b', history, true)
  assert.equal(ahead.way, 'attach')
  await c.streams('b')
  // The old primary is gone in the midst of the move: these two must be a majority, whose positions count.
  const fromB = await located(b)
  const fromC = await located(c)
  assert.equal(fromC.whole, true)
  assert.deepEqual([fromC.position, fromC.history], [fromB.position, fromB.history])
  const next = [...fromB.history, { epoch, startLsn: fromB.position.lsn }]
  const [, follow] = await Promise.all([b.promote(epoch), c.follow(epoch, 'b', next)])
  assert.equal(follow.way, 'attach')
  await c.streams('b')
  assert.ok((await b.keys()).includes('before the move'))
})
