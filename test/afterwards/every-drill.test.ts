// Every drill that the tests of this run left, once more by the checker: the same figures from the same files.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkout } from '#world/checkout.ts'
import { checkEveryDrill } from '../checker/every-drill.ts'

void test('the checker has the figures of every drill that the tests left', async (context) => {
  const since = process.env['FIREDRILL_TESTS_SINCE'] ?? ''
  const checked = await checkEveryDrill(
    join(checkout, 'drills'),
    ({ world, startedAt }) => world.startsWith('test-') && startedAt >= since,
  ).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  context.diagnostic(`${checked.length} drills checked`)
  assert.deepEqual(
    checked.filter(({ differences }) => differences.length > 0),
    [],
  )
})
