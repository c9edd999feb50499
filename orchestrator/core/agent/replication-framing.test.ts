import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { copyDone, isSame, join, messageAt, query, startupPacket, takeMessages, textOf } from './replication-framing.ts'

/** A message as a server or walreceiver writes it; `type` null: a startup packet. */
function message(type: string | null, body: readonly number[]): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type ?? '', 'latin1'), length, Buffer.from(body)])
}

const bodies = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })
const types = fc.constantFrom('Q', 'd', 'c', 'X', 'p')

void test('whatever the borders of the chunks, the same messages are taken, whole and in order', () => {
  fc.assert(
    fc.property(
      bodies,
      fc.array(fc.tuple(types, bodies), { maxLength: 8 }),
      fc.array(fc.nat(30), { maxLength: 30 }),
      (startup, later, sizes) => {
        const sent = [message(null, startup), ...later.map(([type, body]) => message(type, body))]
        let stream: Uint8Array = Buffer.concat(sent)
        let rest: Uint8Array = new Uint8Array()
        const taken: Uint8Array[] = []
        for (const size of [...sizes, Infinity]) {
          const step = takeMessages(join(rest, stream.subarray(0, size)), taken.length > 0)
          taken.push(...step.messages)
          rest = step.rest
          stream = stream.subarray(size)
        }
        assert.deepEqual(
          taken.map((each) => [...each]),
          sent.map((each) => [...each]),
        )
        assert.equal(rest.length, 0)
      },
    ),
  )
})

void test('what claims to be longer than any message of a walreceiver is none, and neither is one shorter than its length', () => {
  assert.throws(() => takeMessages(Buffer.from([0, 1, 0, 1]), false), /expected the length.*saw 65537/)
  assert.throws(() => takeMessages(Buffer.from('d\0\0\0\x03'), true), /saw 3/)
  assert.throws(() => messageAt(Buffer.from('d\0\0\0\x03'), 0), /saw 3/)
})

void test("a message's header is known once it is whole", () => {
  const bytes = message('d', [1, 2, 3])
  assert.equal(messageAt(bytes.subarray(0, 4), 0), null)
  assert.deepEqual(messageAt(bytes.subarray(0, 5), 0), { type: 'd'.charCodeAt(0), left: 8 })
  assert.deepEqual(messageAt(join(copyDone, bytes), copyDone.length), { type: 'd'.charCodeAt(0), left: 8 })
})

void test('a query and a startup packet are written as libpq writes them, and told in words', () => {
  const bytes = query('IDENTIFY_SYSTEM')
  assert.ok(isSame(bytes, message('Q', [...Buffer.from('IDENTIFY_SYSTEM\0')])))
  assert.equal(textOf(bytes), 'IDENTIFY_SYSTEM')
  assert.equal(textOf(copyDone), 'message c')
  const startup = message(null, [0, 3, 0, 0, ...Buffer.from('user\0agent\0application_name\0c-7\0\0')])
  assert.ok(isSame(startupPacket({ user: 'agent', application_name: 'c-7' }), startup))
  assert.equal(textOf(startup), 'user agent application_name c-7')
  assert.ok(!isSame(bytes, query('IDENTIFY_SYSTEm')))
  assert.ok(!isSame(bytes, bytes.subarray(0, -1)))
})
