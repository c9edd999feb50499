// Malformed runbooks, made by mutation of good ones: each is refused before anything starts, by lines that name what was spoilt.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkout } from '#world/checkout.ts'
import { malformedRunbooks, mutationNames, type Book, type Malformed } from './mutations.ts'
import { parseRunbook, RunbookInvalid, shippedRunbooks } from './validate.ts'

/** What the shipped ones have little of. */
const own: Book = {
  name: 'own',
  text: `title: Hurt what is not the primary
topology: { commit: quorum, home: a }
load: { rate: 30/s, reads: 0.5, from: [na, eu], timeout: 2s }
steady-state-hypothesis: { success-rate: '>= 90%', p99: '<= 1s' }
abort-when: { success-rate: '< 50% for 20s', p99: '> 1500ms for 10s', epochs: '> 3' }
method:
  - hold: 1s
  - parallel:
      - fault: { id: slow, kind: link-degrade, target: 'a <-> c', class: kafka, delay: 200ms, for: 5m }
      - - hold: 2s
        - fault: { id: dead, kind: process-kill, target: controller.a }
  - heal: slow
  - wait-for: { event: steady, within: 30s }
rollback:
  - heal: dead
  - action: failback
`,
}

async function goodBooks(): Promise<readonly Book[]> {
  const shipped = (await shippedRunbooks()).map(async (name) => ({
    name,
    text: await readFile(join(checkout, 'runbooks', `${name}.yaml`), 'utf8'),
  }))
  // One that asks is refused here for that alone.
  const silent = (await Promise.all(shipped)).filter(({ text }) => !/^ +- approve: /m.test(text))
  return [...silent, own]
}

/** @returns what is wrong with how it was refused; empty: nothing */
function judged({ book, what, text, line }: Malformed): string {
  const file = `${book}.yaml`
  const where = `${what} in ${file}:${line}`
  try {
    parseRunbook(file, text, { set: [], canApprove: false })
    return `${where}: was not refused\n${text}`
  } catch (error) {
    if (!(error instanceof RunbookInvalid)) return `${where}: crashed: ${String((error as Error).stack)}`
    const told = error.problems.join('\n')
    const lines = told.split('\n')
    const odd = lines.find((each) => !new RegExp(`^${file}:\\d+:\\d+: .*expected .*found`).test(each))
    if (odd !== undefined) return `${where}: told oddly: ${odd}`
    const wrong = lines.filter((each) => !each.startsWith(`${file}:${line}:`) && !each.endsWith('found nothing'))
    const named = lines.some((each) => each.startsWith(`${file}:${line}:`))
    return named && wrong.length === 0 ? '' : `${where}: told otherwise:\n  ${told}\n  of ${text.split('\n')[line - 1]}`
  }
}

void test('the runbooks that are spoilt are good', async () => {
  for (const { name, text } of await goodBooks()) parseRunbook(`${name}.yaml`, text, { set: [], canApprove: false })
})

void test('300 malformed runbooks are refused by lines that name what was spoilt', async () => {
  const malformed = malformedRunbooks(await goodBooks(), 1, 300)
  assert.equal(malformed.length, 300)
  assert.equal(new Set(malformed.map((each) => each.text)).size, 300)
  assert.deepEqual(
    mutationNames.filter((name) => !malformed.some((each) => each.what === name)),
    [],
  )
  const wrong = malformed.map(judged).filter((each) => each !== '')
  assert.equal(wrong.length, 0, `${wrong.length} of 300:\n${wrong.join('\n')}`)
})

void test('so is every other one that the mutations make', async () => {
  const malformed = malformedRunbooks(await goodBooks(), 1, Infinity)
  assert.ok(malformed.length > 300)
  const wrong = malformed.map(judged).filter((each) => each !== '')
  assert.equal(wrong.length, 0, `${wrong.length} of ${malformed.length}:\n${wrong.slice(0, 20).join('\n')}`)
})
