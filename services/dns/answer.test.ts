import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as dnsPacket from 'dns-packet'
import type { OptAnswer, Packet } from 'dns-packet'
import * as fc from 'fast-check'
import { answerMessage, encodeWithin, siteOfAddress, type View } from './answer.ts'

const nets = ['198.18.0', '198.18.1', '198.18.2', '198.18.3', '198.18.4', '198.18.5']
const view: View = { asker: 'na', nets, ttlS: 30, writeRegion: 'b', readRegion: 'a', fails: false }

function ask(name: string, type: string, more: Partial<Packet> = {}, seenFrom = view): Packet & { rcode: string } {
  const query = { type: 'query', id: 7, flags: 0x100, questions: [{ type, name, class: 'IN' }], ...more } as Packet
  const reply = answerMessage(dnsPacket.encode(query), 'udp', seenFrom)
  assert.ok(reply !== null)
  return dnsPacket.decode(reply) as unknown as Packet & { rcode: string }
}
const dataOf = (reply: Packet): unknown[] => (reply.answers ?? []).map((answer) => (answer as { data: unknown }).data)

void describe('addresses', () => {
  void it("are those of the asker's own /24", () => {
    assert.deepEqual(dataOf(ask('orders.firedrill.test', 'A')), ['198.18.3.33'])
    assert.deepEqual(dataOf(ask('reads.orders.firedrill.test', 'A')), ['198.18.3.1'])
    assert.deepEqual(dataOf(ask('orders.firedrill.test', 'A', {}, { ...view, asker: 'ap' })), ['198.18.5.33'])
    assert.deepEqual(dataOf(ask('dns.c.firedrill.test', 'A')), ['198.18.3.72'])
  })
  void it('carry the TTL, the authoritative flag and the spelling of the question', () => {
    const reply = ask('OrDeRs.FireDrill.TEST', 'A')
    assert.deepEqual(reply.answers?.[0], {
      name: 'OrDeRs.FireDrill.TEST',
      type: 'A',
      class: 'IN',
      ttl: 30,
      flush: false,
      data: '198.18.3.33',
    })
    assert.equal((reply as { flag_aa?: boolean }).flag_aa, true)
    assert.equal((reply as { flag_rd?: boolean }).flag_rd, true)
    assert.equal(reply.id, 7)
  })
  void it("tell the asker's site from the last octet as the server's region sees it", () => {
    assert.equal(siteOfAddress('198.18.1.98', 'b', nets), 'na')
    assert.equal(siteOfAddress('198.18.1.162', 'b', nets), 'ap')
    assert.equal(siteOfAddress('198.18.1.61', 'b', nets), 'b')
    assert.equal(siteOfAddress('10.0.0.98', 'b', nets), 'b')
    assert.equal(siteOfAddress('198.18.1.250', 'b', nets), 'b')
  })
})

void describe('other questions', () => {
  void it('and any at all get SERVFAIL from a server that fails, without records', () => {
    for (const name of ['orders.firedrill.test', 'firedrill.test', 'nobody.firedrill.test']) {
      const reply = ask(name, 'A', {}, { ...view, fails: true })
      assert.deepEqual([reply.rcode, reply.answers, reply.authorities], ['SERVFAIL', [], []])
      assert.equal(reply.questions?.[0]?.name, name)
    }
  })
  void it('about the zone itself', () => {
    assert.equal(ask('firedrill.test', 'SOA').answers?.[0]?.type, 'SOA')
    assert.deepEqual(dataOf(ask('firedrill.test', 'NS')), [
      'dns.a.firedrill.test',
      'dns.b.firedrill.test',
      'dns.c.firedrill.test',
    ])
  })
  void it('of a type that the name lacks get no data and the SOA', () => {
    for (const [name, type] of [
      ['orders.firedrill.test', 'AAAA'],
      ['a.firedrill.test', 'A'],
      ['firedrill.test', 'A'],
    ] as const) {
      const reply = ask(name, type)
      assert.equal(reply.rcode, 'NOERROR')
      assert.deepEqual(reply.answers, [])
      assert.equal(reply.authorities?.[0]?.type, 'SOA')
    }
  })
  void it('about unknown names get NXDOMAIN and the SOA', () => {
    const reply = ask('nothing.firedrill.test', 'A')
    assert.equal(reply.rcode, 'NXDOMAIN')
    assert.equal(reply.authorities?.[0]?.type, 'SOA')
  })
  void it('about other zones, and transfers, are refused', () => {
    assert.equal(ask('example.org', 'A').rcode, 'REFUSED')
    assert.equal(ask('xfiredrill.test', 'A').rcode, 'REFUSED')
    assert.equal(ask('firedrill.test', 'AXFR').rcode, 'REFUSED')
  })
  void it('that are none or several are a format error', () => {
    assert.equal(ask('x', 'A', { questions: [] }).rcode, 'FORMERR')
    const question = { type: 'A', name: 'orders.firedrill.test', class: 'IN' } as const
    assert.equal(ask('x', 'A', { questions: [question, question] }).rcode, 'FORMERR')
  })
  void it('with another operation are not implemented', () => {
    assert.equal(ask('orders.firedrill.test', 'A', { flags: 5 << 11 }).rcode, 'NOTIMP')
  })
})

void describe('EDNS', () => {
  const opt = (fields: object): Partial<Packet> => ({
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [], ...fields } as unknown as OptAnswer,
    ],
  })
  const optOf = (reply: Packet): OptAnswer | undefined =>
    reply.additionals?.find((record): record is OptAnswer => record.type === 'OPT')

  void it('is answered only if it was asked for', () => {
    assert.equal(optOf(ask('orders.firedrill.test', 'A')), undefined)
    const answered = optOf(ask('orders.firedrill.test', 'A', opt({})))
    assert.equal(answered?.udpPayloadSize, 1232)
    assert.deepEqual(answered.options, [])
  })
  void it('echoes a client subnet with scope 0', () => {
    const subnet = { code: 8, family: 1, sourcePrefixLength: 24, scopePrefixLength: 0, ip: '198.18.3.0' }
    const answered = optOf(ask('orders.firedrill.test', 'A', opt({ options: [subnet] })))
    const [echoed] = (answered?.options ?? []) as unknown as {
      code: number
      sourcePrefixLength: number
      scopePrefixLength: number
      ip: string
    }[]
    assert.deepEqual(
      [echoed?.code, echoed?.sourcePrefixLength, echoed?.scopePrefixLength, echoed?.ip],
      [8, 24, 0, '198.18.3.0'],
    )
  })
  void it('of another version gets BADVERS', () => {
    const reply = ask('orders.firedrill.test', 'A', opt({ ednsVersion: 1 }))
    assert.equal(optOf(reply)?.extendedRcode, 1)
    assert.deepEqual(reply.answers, [])
  })
})

void describe('messages on the wire', () => {
  void it('that are too long for the asker are truncated and marked', () => {
    const answers = Array.from(
      { length: 60 },
      () => ({ type: 'A', name: 'orders.firedrill.test', data: '198.18.3.1' }) as const,
    )
    const reply: Packet = { type: 'response', id: 1, questions: [], answers }
    const cut = dnsPacket.decode(encodeWithin(reply, 512))
    assert.equal((cut as { flag_tc?: boolean }).flag_tc, true)
    assert.deepEqual(cut.answers, [])
    const whole = dnsPacket.decode(encodeWithin(reply, 65_535))
    assert.equal((whole as { flag_tc?: boolean }).flag_tc, false)
    assert.equal(whole.answers?.length, 60)
  })
  void it('that are no queries are not answered, and none does harm', () => {
    const response = dnsPacket.encode({ type: 'response', id: 1, questions: [] })
    assert.equal(answerMessage(response, 'udp', view), null)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const reply = answerMessage(Buffer.from(bytes), 'udp', view)
        assert.ok(reply === null || reply.length <= 1232)
      }),
      { numRuns: 2000 },
    )
  })
  void it('with a dot inside a label are malformed', () => {
    const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'orders.firedrill.test' }] })
    query[18] = '.'.charCodeAt(0)
    const reply = answerMessage(query, 'udp', view)
    assert.ok(reply)
    const decoded = dnsPacket.decode(reply)
    assert.equal((decoded as unknown as { rcode: string }).rcode, 'FORMERR')
    assert.deepEqual(decoded.questions, [])
  })
  void it('that are broken queries do no harm either', () => {
    const query = dnsPacket.encode({
      type: 'query',
      id: 1,
      questions: [{ type: 'A', name: 'orders.firedrill.test' }],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 4096,
          flags: 0,
          options: [{ code: 8, ip: '10.0.0.0', sourcePrefixLength: 24 }],
        } as unknown as OptAnswer,
      ],
    })
    const change = fc.tuple(fc.nat(query.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(query.length), (changes, length) => {
        const broken = Buffer.from(query)
        for (const [at, value] of changes) broken[at] = value
        const reply = answerMessage(broken.subarray(0, length), 'udp', view)
        if (reply !== null) dnsPacket.decode(reply)
      }),
      { numRuns: 5000 },
    )
  })
})
