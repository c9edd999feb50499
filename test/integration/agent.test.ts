// The agent and real Postgres: each of the design's seven rules as far as it lives in the node.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgentNodes } from './agent-nodes.ts'

void test('three fresh nodes: promise, promote, follow, and a quorum commit', async () => {
  await using nodes = await AgentNodes.start('198.19.8')
  const { a, b, c } = nodes
  await nodes.failOver(1, a, [b, c])
  await a.order('first')
  assert.deepEqual(await a.keys(), ['first'])
})
