// Incremental checksums against full recomputation, on any packet.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isIpv4Packet, rewritePacket } from './rewrite.ts'

function sumOf(bytes: Uint8Array): number {
  let sum = 0
  for (let index = 0; index < bytes.length; index += 2) sum += (bytes[index]! << 8) | (bytes[index + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

interface Facts {
  readonly source: number
  readonly destination: number
  readonly protocol: number
  readonly options: number
  readonly fragment: number
  readonly payload: Uint8Array
  readonly zeroUdp: boolean
}

function transportChecksum(facts: Facts, payload: Uint8Array): number {
  const pseudo = Buffer.alloc(12)
  pseudo.writeUInt32BE(facts.source, 0)
  pseudo.writeUInt32BE(facts.destination, 4)
  pseudo.writeUInt16BE(facts.protocol, 8)
  pseudo.writeUInt16BE(payload.length, 10)
  const checksum = ~sumOf(Buffer.concat([pseudo, payload])) & 0xffff
  return facts.protocol === 17 && checksum === 0 ? 0xffff : checksum
}

// The whole packet with every checksum computed from scratch.
function build(facts: Facts): Buffer {
  const payload = Buffer.from(facts.payload)
  const at = { 6: 16, 17: 6, 1: 2 }[facts.protocol]
  const first = (facts.fragment & 0x1fff) === 0
  if (first && at !== undefined && payload.length >= at + 2) {
    payload.writeUInt16BE(0, at)
    const checksum = facts.protocol === 1 ? ~sumOf(payload) & 0xffff : transportChecksum(facts, payload)
    payload.writeUInt16BE(facts.zeroUdp && facts.protocol === 17 ? 0 : checksum, at)
  }
  const header = Buffer.alloc(20 + 4 * facts.options, 1)
  header[0] = 0x45 + facts.options
  header[1] = 0
  header.writeUInt16BE(header.length + payload.length, 2)
  header.writeUInt16BE(7, 4)
  header.writeUInt16BE(facts.fragment, 6)
  header[8] = 63
  header[9] = facts.protocol
  header.writeUInt16BE(0, 10)
  header.writeUInt32BE(facts.source, 12)
  header.writeUInt32BE(facts.destination, 16)
  header.writeUInt16BE(~sumOf(header) & 0xffff, 10)
  return Buffer.concat([header, payload])
}

const fromNet = 0xc61300
const toNet = 0xc6ff05

function moved(address: number): number {
  return ((toNet << 8) | (address & 255)) >>> 0
}

function rewritten(packet: Buffer, facts: { readonly source: number; readonly destination: number }): Buffer {
  const copy = Buffer.from(packet)
  const view = new DataView(copy.buffer, copy.byteOffset, copy.length)
  assert.ok(isIpv4Packet(view, 0, copy.length))
  const target = { source: moved(facts.source), destination: moved(facts.destination), fromNet, toNet }
  rewritePacket(view, 0, copy.length, target)
  return copy
}

const anyUdp = { source: 0xc6130001, destination: 0xc6130022, protocol: 17, options: 0, fragment: 0 }

const host = fc.integer({ min: 1, max: 254 }).map((octet) => ((fromNet << 8) | octet) >>> 0)
const plain = fc.record({
  source: host,
  destination: host,
  protocol: fc.constantFrom(6, 17, 132),
  options: fc.integer({ min: 0, max: 10 }),
  fragment: fc.constantFrom(0, 0x4000, 0x2000, 0x2010, 0x0010),
  payload: fc.uint8Array({ minLength: 0, maxLength: 80 }),
  zeroUdp: fc.boolean(),
})

void test('the rewritten packet equals one built from scratch with the new addresses', () => {
  fc.assert(
    fc.property(plain, (facts) => {
      // A payload too short for its transport header carries no checksum that could be kept right.
      const whole = facts.protocol === 6 ? facts.payload.length >= 18 : facts.payload.length >= 8
      fc.pre(whole || facts.protocol === 132)
      const expected = build({ ...facts, source: moved(facts.source), destination: moved(facts.destination) })
      assert.deepEqual(rewritten(build(facts), facts), expected)
    }),
    { numRuns: 2000 },
  )
})

void test('a UDP checksum of zero (none) stays zero, and one that comes out as zero is sent as 0xffff', () => {
  const facts = { ...anyUdp, payload: new Uint8Array(0), zeroUdp: false }
  const none = build({ ...facts, payload: new Uint8Array(12), zeroUdp: true })
  assert.equal(rewritten(none, facts).readUInt16BE(26), 0)
  // Search the one payload word for which the full computation gives zero after the move.
  for (let word = 0; word <= 0xffff; word += 1) {
    const payload = Buffer.alloc(10)
    payload.writeUInt16BE(word, 8)
    const target = { ...facts, source: moved(facts.source), destination: moved(facts.destination) }
    if (transportChecksum(target, payload) !== 0xffff) continue
    const packet = rewritten(build({ ...facts, payload, zeroUdp: false }), facts)
    assert.equal(packet.readUInt16BE(26), 0xffff)
    return
  }
  assert.fail('no payload found')
})

void test('the packet inside an ICMP error is rewritten too, and all checksums are right', () => {
  fc.assert(
    fc.property(plain, fc.constantFrom(3, 4, 5, 11, 12), fc.integer({ min: 28, max: 100 }), (inner, type, quoted) => {
      fc.pre(inner.protocol === 6 ? inner.payload.length >= 18 : inner.payload.length >= 8)
      const error = (quotedPacket: Buffer, source: number, destination: number): Buffer => {
        const payload = Buffer.concat([Buffer.from([type, 3, 0, 0, 0, 0, 0, 0]), quotedPacket])
        return build({ source, destination, protocol: 1, options: 0, fragment: 0, payload, zeroUdp: false })
      }
      const headerLength = 20 + 4 * inner.options
      // Either without the transport's checksum or with the whole of it.
      const cut = Math.max(headerLength + 8, Math.min(quoted, headerLength + inner.payload.length))
      const before = build(inner).subarray(0, cut)
      const facts = { source: inner.destination, destination: inner.source }
      const after = build({ ...inner, source: moved(inner.source), destination: moved(inner.destination) })
      const expected = error(after.subarray(0, cut), moved(facts.source), moved(facts.destination))
      assert.deepEqual(rewritten(error(before, facts.source, facts.destination), facts), expected)
    }),
    { numRuns: 2000 },
  )
})

void test('an ICMP echo keeps its body', () => {
  const payload = Buffer.from([
    8,
    0,
    0,
    0,
    1,
    2,
    3,
    4,
    ...build({
      source: 0xc6130001,
      destination: 0xc6130022,
      protocol: 17,
      options: 0,
      fragment: 0,
      payload: new Uint8Array(8),
      zeroUdp: false,
    }),
  ])
  const facts = {
    source: 0xc6130001,
    destination: 0xc6130022,
    protocol: 1,
    options: 0,
    fragment: 0,
    payload,
    zeroUdp: false,
  }
  const packet = build(facts)
  assert.deepEqual(rewritten(packet, facts).subarray(20), packet.subarray(20))
})

void test('what is no whole IPv4 packet is told apart', () => {
  const packet = build({
    source: 1,
    destination: 2,
    protocol: 17,
    options: 0,
    fragment: 0,
    payload: new Uint8Array(8),
    zeroUdp: true,
  })
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
  assert.ok(isIpv4Packet(view, 0, 28))
  assert.ok(!isIpv4Packet(view, 0, 27), 'truncated')
  assert.ok(!isIpv4Packet(view, 0, 19), 'no header')
  view.setUint8(0, 0x60)
  assert.ok(!isIpv4Packet(view, 0, 28), 'version 6')
  view.setUint8(0, 0x4f)
  assert.ok(!isIpv4Packet(view, 0, 28), 'header longer than the packet')
})
