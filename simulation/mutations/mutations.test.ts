// Mutations apply to the code as it is, or say which does not; and some that are quick to find are found.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { suite, test } from 'node:test'
import { invariants } from '../violation.ts'
import { patchedFiles, withCopy } from './copy.ts'
import { hunt } from './hunt.ts'
import { mutations } from './list.ts'
import { type Mutation, patched } from './mutation.ts'

/** Far more than each needs: a change of the models shifts which seed finds it. */
const most = 400

suite('mutations', () => {
  test('each applies to the code as it is, has a name of its own and an invariant that can name it', () => {
    for (const mutation of mutations) {
      assert.ok(patchedFiles(mutation).size > 0)
      assert.ok(mutation.namedBy.length > 0)
      for (const name of mutation.namedBy) assert.ok(name in invariants)
    }
    assert.equal(new Set(mutations.map((each) => each.name)).size, mutations.length)
  })

  test('a patch whose text occurs twice or not at all names its mutation and its file', () => {
    const patch = { file: 'x.ts', before: 'one', after: 'two' }
    assert.equal(patched('m', patch, 'a one b'), 'a two b')
    assert.throws(
      () => patched('m', patch, 'a b'),
      /mutation m: expected its text exactly once in x\.ts, saw it 0 times/,
    )
    assert.throws(() => patched('m', patch, 'one one'), /in x\.ts, saw it 2 times/)
  })

  test('the copy is removed, whatever happens in it', async () => {
    let copy = ''
    const work = async (folder: string): Promise<never> => {
      copy = folder
      return await Promise.reject(new Error(`failed in ${existsSync(folder)}`))
    }
    await assert.rejects(withCopy(mutations[0] as Mutation, work), /failed in true/)
    assert.equal(existsSync(copy), false)
  })

  for (const name of ['steered-before-promoted', 'sets-shrink', 'tail-not-exported'])
    test(`${name} is found`, async () => {
      const mutation = mutations.find((each) => each.name === name)
      assert.ok(mutation)
      const { found, isNamed } = await hunt(mutation, most, { workers: 1 })
      assert.ok(isNamed, `expected ${mutation.namedBy.join(' or ')}, saw ${JSON.stringify(found)}`)
    })
})
