// Frames of Postgres's protocol 3 (its manual, "Frontend/Backend Protocol"), as far as a relay of replication must see them.

/** Bytes of a message's type and length, which come before what it carries. */
const headerBytes = 5
/** A walreceiver's longest message is its startup packet; what claims to be longer is not one of its messages. */
const longestAsked = 65_536

const protocolVersion = 0x00030000

const code = (letter: string): number => letter.charCodeAt(0)

/** The first byte of a message. */
export const messageTypes = {
  query: code('Q'),
  copyData: code('d'),
  copyDone: code('c'),
  copyBoth: code('W'),
  readyForQuery: code('Z'),
  terminate: code('X'),
} as const

/** A place in the server's stream: `left` bytes of a message of `type` are still to come; 0: the next message begins here. */
export type Place = { type: number; left: number }

function lengthAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset)
}

/**
 * What begins at `offset`; null if its header is not whole yet.
 * @throws Error if a length is shorter than itself
 */
export function messageAt(bytes: Uint8Array, offset: number): Place | null {
  const type = bytes[offset]
  if (type === undefined || bytes.length - offset < headerBytes) return null
  const length = lengthAt(bytes, offset + 1)
  if (length < 4) throw new Error(`expected the length of a message to be at least 4, saw ${length}`)
  return { type, left: 1 + length }
}

/**
 * The whole messages at the beginning of what a walreceiver sent, and what is left over. Its very first message, the startup
 * packet, has no type.
 * @param hasBegun whether the startup packet has been taken before
 * @throws Error if a length can't be one of a walreceiver's message
 */
export function takeMessages(bytes: Uint8Array, hasBegun: boolean): { messages: Uint8Array[]; rest: Uint8Array } {
  const messages: Uint8Array[] = []
  let offset = 0
  for (;;) {
    const typeBytes = hasBegun || messages.length > 0 ? 1 : 0
    if (bytes.length - offset < typeBytes + 4) break
    const length = lengthAt(bytes, offset + typeBytes)
    if (length < 4 || length > longestAsked)
      throw new Error(`expected the length of a walreceiver's message, 4 to ${longestAsked}, saw ${length}`)
    const end = offset + typeBytes + length
    if (end > bytes.length) break
    messages.push(bytes.subarray(offset, end))
    offset = end
  }
  return { messages, rest: bytes.subarray(offset) }
}

/** `left` followed by `right`. */
export function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length === 0) return right
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}

export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}

/** A simple query, as libpq's `PQsendQuery` writes it; ASCII only. */
export function query(text: string): Uint8Array {
  const length = 4 + text.length + 1
  const bytes = new Uint8Array(1 + length)
  bytes[0] = messageTypes.query
  new DataView(bytes.buffer).setUint32(1, length)
  for (let index = 0; index < text.length; index += 1) bytes[headerBytes + index] = text.charCodeAt(index)
  return bytes
}

/** A startup packet of protocol 3.0, with its parameters in the order in which they are given; ASCII only. */
export function startupPacket(parameters: Readonly<Record<string, string>>): Uint8Array {
  const text = Object.entries(parameters).map(([key, value]) => `${key}\0${value}\0`)
  const body = `${text.join('')}\0`
  const bytes = new Uint8Array(8 + body.length)
  const header = new DataView(bytes.buffer)
  header.setUint32(0, bytes.length)
  header.setUint32(4, protocolVersion)
  for (let index = 0; index < body.length; index += 1) bytes[8 + index] = body.charCodeAt(index)
  return bytes
}

/** The text of a simple query or the parameters of a startup packet; the message's type if it is another one. */
export function textOf(message: Uint8Array): string {
  if (message[0] === 0)
    return String.fromCharCode(...message.subarray(8))
      .replaceAll('\0', ' ')
      .trim()
  if (message[0] !== messageTypes.query) return `message ${String.fromCharCode(message[0] ?? 0)}`
  return String.fromCharCode(...message.subarray(headerBytes, -1))
}

/** What ends a copy, as `PQputCopyEnd` writes it. */
export const copyDone: Uint8Array = Uint8Array.of(messageTypes.copyDone, 0, 0, 0, 4)
