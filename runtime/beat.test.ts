import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decode, encode, maxDatagramBytes, type BeatBody } from './beat.ts'

const key = 'a control token of the world'
const controllerBody: BeatBody = {
  from: 'controller',
  region: 'a',
  incarnation: 'one',
  seq: 7,
  sentNs: '123456789',
  lateMs: 1.5,
  epoch: 3,
  holdsEpoch: true,
  etcdReachable: true,
  suspects: [{ region: 'b', why: 'a reason with "quotes", "mac":"and braces"}' }],
  local: { app: true, postgres: true, redis: true, kafka: false },
}
const lsn = 'FFFFFFFF/FFFFFFFF'
const largestAgentBody: BeatBody = {
  from: 'agent',
  region: 'a',
  incarnation: '00000000-0000-0000-0000-000000000000',
  seq: Number.MAX_SAFE_INTEGER,
  sentNs: '9'.repeat(19),
  status: {
    region: 'a',
    incarnation: '00000000-0000-0000-0000-000000000000',
    state: 'rewinding',
    promised: 1_000_000,
    whole: false,
    position: { epoch: 1_000_000, lsn },
    history: [1, 2, 3, 4].map((each) => ({ epoch: 1_000_000 + each, startLsn: lsn })),
    following: 'b',
    streaming: false,
    epochCommitted: false,
    followers: [
      { region: 'b', flushLsn: lsn },
      { region: 'c', flushLsn: lsn },
    ],
    responsive: false,
    systemIdentifier: '9'.repeat(20),
  },
}

void test('what was encoded is decoded', () => {
  const { mac, ...rest } = decode(encode(controllerBody, key), key) ?? assert.fail('not decoded')
  assert.match(mac, /^[0-9a-f]{64}$/)
  assert.deepEqual(rest, controllerBody)
})

void test('the largest beat of an agent fits into a datagram', () => {
  assert.ok(encode(largestAgentBody, key).length <= maxDatagramBytes)
})

void test('another key, or any changed byte, is refused', () => {
  const datagram = encode(controllerBody, key)
  assert.equal(decode(datagram, 'another key'), null)
  fc.assert(
    fc.property(fc.nat(datagram.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(datagram)
      changed[at] = (changed[at] ?? 0) ^ change
      assert.equal(decode(changed, key), null)
    }),
  )
})

void test('noise is refused', () => {
  fc.assert(fc.property(fc.uint8Array(), (noise) => decode(Buffer.from(noise), key) === null))
})

void test('a beat that would not fit is an error', () => {
  assert.throws(
    () => encode({ ...controllerBody, incarnation: 'x'.repeat(1400) }, key),
    /expected a beat of at most 1400 bytes, saw \d+/,
  )
})
