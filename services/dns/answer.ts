// The authoritative answer to one DNS query for the zone. Pure: what the regions' health says comes in as a view.
import * as dnsPacket from 'dns-packet'
import type { Answer, OptAnswer, Packet, PacketOpt, Question, SoaAnswer, StringAnswer } from 'dns-packet'
import { lastOctet, regionHosts, regions, siteIndex, sites, type Region, type Site } from '#protocol/sites.ts'

export const zone = 'firedrill.test'
/** Stands for the app of the write region. */
export const ordersName = `orders.${zone}`
/** Stands for the app of the nearest region that can be read. */
export const readsName = `reads.orders.${zone}`

/** UDP payload that we offer and never exceed (DNS flag day 2020: no fragments). */
const maxPayloadBytes = 1232
/** RFC 1035 4.2.1: the limit for a query without EDNS. */
const plainPayloadBytes = 512

const flagAuthoritative = 1 << 10
const flagTruncated = 1 << 9
const flagRecursionDesired = 1 << 8
const rcode = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const
/** Extended RCODE 16 (RFC 6891 9): upper eight bits 1, lower four 0. */
const badVersionExtended = 1
const optionClientSubnet = 8

/** What the server knows when it answers. `nets` are the world's address prefixes by site. */
export interface View {
  readonly asker: Site
  readonly nets: readonly string[]
  readonly ttlS: number
  readonly writeRegion: Region
  readonly readRegion: Region
  /** Every query that can be read gets SERVFAIL. */
  readonly fails: boolean
}

/** The site that a query came from: host h of site j has the last octet 32j+h in the server's own /24; anyone else is at home. */
export function siteOfAddress(address: string, home: Site, nets: readonly string[]): Site {
  const prefix = `${nets[siteIndex(home)]}.`
  if (!address.startsWith(prefix)) return home
  return sites[Number(address.slice(prefix.length)) >> 5] ?? home
}

/** Address of `host` of `region` as seen from the asker's site: each site has its own /24 for the whole world. */
function addressSeenBy(view: View, region: Region, host: number): string {
  return `${view.nets[siteIndex(view.asker)]}.${lastOctet(region, host)}`
}

/** A records by lower-case name. */
function addresses(view: View): ReadonlyMap<string, string> {
  const found = new Map([
    [ordersName, addressSeenBy(view, view.writeRegion, regionHosts.app)],
    [readsName, addressSeenBy(view, view.readRegion, regionHosts.app)],
  ])
  for (const region of regions) found.set(`dns.${region}.${zone}`, addressSeenBy(view, region, regionHosts.dns))
  return found
}

function startOfAuthority(view: View): SoaAnswer {
  return {
    type: 'SOA',
    name: zone,
    ttl: view.ttlS,
    data: {
      mname: `dns.a.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      // RFC 2308: how long "no such name" may be kept; never longer than an answer.
      minimum: Math.min(view.ttlS, 5),
    },
  }
}

interface Decision {
  readonly code: number
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
}

const refused: Decision = { code: rcode.refused, answers: [], authorities: [] }

function decide(question: Question, view: View): Decision {
  if (view.fails) return { ...refused, code: rcode.serverFailure }
  const name = question.name.toLowerCase()
  const type = question.type as string
  const inZone = name === zone || name.endsWith(`.${zone}`)
  if (!inZone || (question.class ?? 'IN') !== 'IN' || type === 'AXFR' || type === 'IXFR') return refused
  const noData: Decision = { code: rcode.noError, answers: [], authorities: [startOfAuthority(view)] }
  if (name === zone) {
    if (type === 'SOA' || type === 'ANY') return { ...noData, answers: [startOfAuthority(view)], authorities: [] }
    if (type !== 'NS') return noData
    const servers = regions.map((region): StringAnswer => ({
      type: 'NS',
      name: question.name,
      ttl: view.ttlS,
      data: `dns.${region}.${zone}`,
    }))
    return { ...noData, answers: servers, authorities: [] }
  }
  const known = addresses(view)
  const address = known.get(name)
  if (address === undefined) {
    // A name with names below it exists, though it has no records (RFC 8020).
    const exists = [...known.keys()].some((each) => each.endsWith(`.${name}`))
    return exists ? noData : { ...noData, code: rcode.nameError }
  }
  if (type !== 'A' && type !== 'ANY') return noData
  // The owner is spelled as it was asked for: resolvers may check the case (0x20).
  return {
    ...noData,
    answers: [{ type: 'A', name: question.name, ttl: view.ttlS, data: address }],
    authorities: [],
  }
}

/** Our OPT record: the client subnet is echoed with scope 0, since the answer depends on the sender's site only (RFC 7871 7.2.1). */
function replyOption(asked: OptAnswer, extendedRcode: number): OptAnswer {
  const options: PacketOpt[] = []
  for (const option of asked.options) {
    const { code, data } = option as unknown as { code: number; data: Buffer }
    if (code !== optionClientSubnet || data.length < 4) continue
    const echoed = Buffer.from(data)
    echoed[3] = 0
    options.push({ code: optionClientSubnet, data: echoed } as unknown as PacketOpt)
  }
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: maxPayloadBytes,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options,
  }
}

/** Encodes `reply`; above `limitBytes` it is sent without its records and marked as truncated, so that the asker comes by TCP. */
export function encodeWithin(reply: Packet, limitBytes: number): Buffer {
  const whole = dnsPacket.encode(reply)
  if (whole.length <= limitBytes) return whole
  return dnsPacket.encode({
    ...reply,
    flags: (reply.flags ?? 0) | flagTruncated,
    answers: [],
    authorities: [],
    additionals: (reply.additionals ?? []).filter((record) => record.type === 'OPT'),
  })
}

/** Whether a label of the first question holds a dot, which the text form of a name can't tell from the end of a label. */
function hasDotInLabel(message: Buffer): boolean {
  let at = 12
  for (let length = message[at] ?? 0; length > 0 && length < 64; length = message[at] ?? 0) {
    if (message.subarray(at + 1, at + 1 + length).includes(0x2e)) return true
    at += 1 + length
  }
  return false
}

/** The answer to `message` as bytes, or null if it is not to be answered: no DNS query, or one that cannot be read. */
export function answerMessage(message: Buffer, transport: 'udp' | 'tcp', view: View): Buffer | null {
  try {
    const query = dnsPacket.decode(message)
    if (query.type !== 'query') return null
    return answerQuery(hasDotInLabel(message) ? { ...query, questions: [] } : query, transport, view)
  } catch {
    // dns-packet throws on what it cannot decode, and on encoding a name that it decoded from a broken message.
    return null
  }
}

function answerQuery(query: dnsPacket.DecodedPacket, transport: 'udp' | 'tcp', view: View): Buffer {
  const asked = query.additionals?.find((record): record is OptAnswer => record.type === 'OPT')
  const question = query.questions?.[0]
  let decision: Decision = { code: rcode.formatError, answers: [], authorities: [] }
  let extendedRcode = 0
  if ((query as unknown as { opcode: string }).opcode !== 'QUERY')
    decision = { ...decision, code: rcode.notImplemented }
  else if (asked !== undefined && asked.ednsVersion !== 0) {
    decision = { ...decision, code: rcode.noError }
    extendedRcode = badVersionExtended
  } else if (question !== undefined && query.questions?.length === 1) decision = decide(question, view)
  const authoritative = decision.answers.length + decision.authorities.length > 0 ? flagAuthoritative : 0
  const reply: Packet = {
    type: 'response',
    id: query.id ?? 0,
    flags: authoritative | ((query.flags ?? 0) & flagRecursionDesired) | decision.code,
    questions: query.questions ?? [],
    answers: [...decision.answers],
    authorities: [...decision.authorities],
    additionals: asked === undefined ? [] : [replyOption(asked, extendedRcode)],
  }
  const offered = asked === undefined ? plainPayloadBytes : asked.udpPayloadSize
  const limit = transport === 'tcp' ? 65_535 : Math.max(plainPayloadBytes, Math.min(offered, maxPayloadBytes))
  return encodeWithin(reply, limit)
}
