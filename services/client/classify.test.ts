import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { classifyRead, classifyWrite, type Ending } from './classify.ts'

const id = '6b1f0b7e-3c0a-4a57-9a9e-0d4cbb2f2d11'
const accepted = JSON.stringify({ id, region: 'b', epoch: 3 })
const shown = JSON.stringify({ id, region: 'b', epoch: 3, customer: 'x', item: 'y', quantity: 1, createdAt: 'now' })
const refusal = (outcome: string): string => JSON.stringify({ error: 'e', outcome, reason: 'r', primary: 'b' })
const ending = (fields: Partial<Ending>): Ending => ({ sentNs: 5n, status: null, body: null, error: null, ...fields })

void describe('a write', () => {
  const cases: [string, Partial<Ending>, string][] = [
    ['is ok with 201 and an order', { status: 201, body: accepted }, 'ok'],
    ['is ok with 200 (known key)', { status: 200, body: accepted }, 'ok'],
    ['is unknown if the ack cannot be read', { status: 201, body: 'gibberish' }, 'unknown'],
    ['is unknown if the ack broke off', { status: 201, error: 'UND_ERR_SOCKET' }, 'unknown'],
    ['is failed if the connection was refused', { sentNs: null, error: 'ECONNREFUSED' }, 'failed'],
    ['is failed if time ran out before it was sent', { sentNs: null, error: 'timeout' }, 'failed'],
    ['is failed if the name was not found', { sentNs: null, error: 'no address: ESERVFAIL' }, 'failed'],
    ['is unknown if time ran out after it was sent', { error: 'timeout' }, 'unknown'],
    ['is unknown if the connection broke after it was sent', { error: 'ECONNRESET' }, 'unknown'],
    ['is failed if the app says so', { status: 503, body: refusal('failed') }, 'failed'],
    ['is unknown if the app says so', { status: 504, body: refusal('unknown') }, 'unknown'],
    ['is unknown if the point of presence lost the region', { status: 502, body: refusal('unknown') }, 'unknown'],
    ['is unknown with a 503 that does not say', { status: 503, body: '<html>' }, 'unknown'],
    ['is unknown with a 500 that does not say', { status: 500, body: '{}' }, 'unknown'],
    ['is unknown with a 503 that broke off', { status: 503, error: 'UND_ERR_SOCKET' }, 'unknown'],
    ['is failed with 400', { status: 400, body: refusal('failed') }, 'failed'],
    ['is failed with 409, whatever the body', { status: 409, body: '' }, 'failed'],
    ['is unknown with a redirection', { status: 302, body: '' }, 'unknown'],
    ['is unknown with a success that is no ack', { status: 204, body: '' }, 'unknown'],
  ]
  for (const [title, fields, outcome] of cases) {
    void it(title, () => {
      const conclusion = classifyWrite(ending(fields))
      assert.equal(conclusion.outcome, outcome)
      assert.equal(conclusion.reason === null, outcome === 'ok')
      assert.equal(conclusion.orderId, outcome === 'ok' ? id : null)
    })
  }
  void it('that is ok tells where and under which epoch it was accepted', () => {
    const { region, epoch } = classifyWrite(ending({ status: 201, body: accepted }))
    assert.deepEqual([region, epoch], ['b', 3])
  })
})

void describe('a read', () => {
  const cases: [string, Partial<Ending>, string][] = [
    ['is ok with the order', { status: 200, body: shown }, 'ok'],
    ['is failed with another order', { status: 200, body: shown.replace('6b', '7b') }, 'failed'],
    ['is failed if the order cannot be read', { status: 200, body: '' }, 'failed'],
    ['is failed if the order is not there', { status: 404, body: refusal('failed') }, 'failed'],
    ['is failed if time ran out', { error: 'timeout' }, 'failed'],
    ['is failed if the app does not know', { status: 504, body: refusal('unknown') }, 'failed'],
    ['is failed if it was not sent', { sentNs: null, error: 'ECONNREFUSED' }, 'failed'],
  ]
  for (const [title, fields, outcome] of cases) {
    void it(title, () => {
      const conclusion = classifyRead(ending(fields), id)
      assert.equal(conclusion.outcome, outcome)
      assert.equal(conclusion.orderId, id)
      assert.equal(conclusion.reason === null, outcome === 'ok')
    })
  }
})
