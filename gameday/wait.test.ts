// Polling with a deadline: what fails at first is asked again, and what fails to the end says why.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Interrupted, untilAnswered } from './wait.ts'

const never = new AbortController().signal

void test('a store that is not ready at first is asked again until it answers', async () => {
  const answers = ['not ready', 'not ready', null]
  const notes: string[] = []
  const ask = (): Promise<string> => {
    const trouble = answers.shift()
    return trouble == null ? Promise.resolve('read') : Promise.reject(new Error(trouble))
  }
  assert.equal(await untilAnswered(ask, 10_000, never, (text) => notes.push(text)), 'read')
  assert.deepEqual(notes, ['not ready', 'not ready'])
})

void test('one that never answers fails with its own words once the time is over, and at Ctrl-C at once', async () => {
  const ask = (): Promise<string> => Promise.reject(new Error('does not lead orders yet'))
  await assert.rejects(untilAnswered(ask, 0, never), /does not lead orders yet/)
  await assert.rejects(untilAnswered(ask, 10_000, AbortSignal.abort()), Interrupted)
})
