// docs/journal.schema.json is what the code says. To renew it: node --test --test-update-snapshots gameday/report/journal-schema.test.ts
import { join } from 'node:path'
import { test } from 'node:test'
import { format } from 'prettier'
import { z } from 'zod'
import { journal } from '#protocol/journal.ts'

void test('the published JSON Schema of journal.json is current', async (context) => {
  const schema = z.toJSONSchema(journal, { io: 'output' })
  const text = await format(JSON.stringify({ title: 'journal.json of a firedrill drill', ...schema }), {
    parser: 'json',
    printWidth: 120,
  })
  const file = join(import.meta.dirname, '..', '..', 'docs', 'journal.schema.json')
  context.assert.fileSnapshot(text, file, { serializers: [String] })
})
