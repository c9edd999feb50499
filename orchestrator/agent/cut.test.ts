// The cut of a standby from its source, by answers as Postgres gives them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '#runtime/postgres.ts'
import { awaitNoReceiver } from './cut.ts'

/** Gives one answer after the other; an Error is thrown. */
function sessionOf(answers: readonly (Error | Readonly<Record<string, unknown>>)[]): Session {
  const left = [...answers]
  const query = async () => {
    const answer = left.shift()
    if (answer instanceof Error) throw answer
    return { rows: [answer] }
  }
  return { query } as unknown as Session
}

const bare = { standby: true, replay: '0/1000000', startup: 7, waits: null, receiver: null }
const conflict = Object.assign(new Error('canceling statement due to conflict with recovery'), { code: '40001' })

void test('a look that a standby cancels for its replay is had again', async () => {
  await awaitNoReceiver(sessionOf([conflict, conflict, bare]), 1000)
})

void test('what else goes wrong in a look ends it', async () => {
  await assert.rejects(awaitNoReceiver(sessionOf([new Error('terminating connection'), bare]), 1000), /terminating/)
})
