// Heartbeat datagrams: JSON whose last field is the HMAC-SHA256 (hex) of everything before it, under the control token.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { beat, type AgentBeat, type Beat, type ControllerBeat } from '#protocol/beat.ts'

/** A beat before it is signed. */
export type BeatBody = Omit<AgentBeat, 'mac'> | Omit<ControllerBeat, 'mac'>

/** One that stays whole on every path: no fragments, whose loss would look like a lost beat. */
export const maxDatagramBytes = 1400

const seal = /^(\{.*),"mac":"([0-9a-f]{64})"\}$/s

function sign(text: string, key: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/**
 * @throws RangeError if the datagram would exceed `maxDatagramBytes`
 */
export function encode(body: BeatBody, key: string): Buffer {
  const text = JSON.stringify(body)
  const datagram = Buffer.from(`${text.slice(0, -1)},"mac":"${sign(text, key).toString('hex')}"}`)
  if (datagram.length > maxDatagramBytes)
    throw new RangeError(`expected a beat of at most ${maxDatagramBytes} bytes, saw ${datagram.length}`)
  return datagram
}

/**
 * The beat in a datagram; null if it is malformed or not signed with `key`. Whether it is newer than the last one is the
 * receiver's to judge (`incarnation`, `seq`, `sentNs`).
 */
export function decode(datagram: Buffer, key: string): Beat | null {
  const match = seal.exec(datagram.toString('utf8'))
  if (match === null) return null
  const expected = sign(`${match[1]}}`, key)
  if (!timingSafeEqual(expected, Buffer.from(match[2] ?? '', 'hex'))) return null
  try {
    const parsed = beat.safeParse(JSON.parse(datagram.toString('utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
