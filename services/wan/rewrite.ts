// Rewrites the addresses of one IPv4 packet from one site's /24 to another's, statelessly, with incremental checksums
// (RFC 1624, equation 3): IP, TCP, UDP, and the packet quoted inside an ICMP error.

const protocolIcmp = 1
const protocolTcp = 6
const protocolUdp = 17

/** ICMP types that quote the packet they complain about (RFC 792). */
const quotingIcmpTypes: ReadonlySet<number> = new Set([3, 4, 5, 11, 12])

/** Offsets inside an IPv4 header. */
export const ipv4 = { totalLength: 2, fragment: 6, protocol: 9, checksum: 10, source: 12, destination: 16 } as const

/** The checksum after one of the words that it covers changed from `before` to `after`. */
export function updatedChecksum(checksum: number, before: number, after: number): number {
  const sum = (~checksum & 0xffff) + (~before & 0xffff) + after
  const folded = (sum & 0xffff) + (sum >>> 16)
  return ~((folded & 0xffff) + (folded >>> 16)) & 0xffff
}

function replaceAddress(view: DataView, at: number, after: number, checksums: readonly number[], base: number): void {
  const before = view.getUint32(at)
  view.setUint32(at, after)
  for (const offset of checksums) {
    const high = updatedChecksum(view.getUint16(base + offset), before >>> 16, after >>> 16)
    view.setUint16(base + offset, updatedChecksum(high, before & 0xffff, after & 0xffff))
  }
}

// Offset of the TCP or UDP checksum from the packet's start; 0 if there is none to keep right.
function transportChecksumOffset(view: DataView, at: number, length: number, headerLength: number): number {
  if ((view.getUint16(at + ipv4.fragment) & 0x1fff) !== 0) return 0
  const protocol = view.getUint8(at + ipv4.protocol)
  if (protocol === protocolTcp) return length >= headerLength + 18 ? headerLength + 16 : 0
  if (protocol !== protocolUdp || length < headerLength + 8) return 0
  return view.getUint16(at + headerLength + 6) === 0 ? 0 : headerLength + 6
}

const ipOnly: readonly number[] = [ipv4.checksum]
const offsetsByTransport = new Map<number, readonly number[]>()

function coveredBy(transport: number): readonly number[] {
  if (transport === 0) return ipOnly
  const known = offsetsByTransport.get(transport)
  if (known !== undefined) return known
  const offsets = [ipv4.checksum, transport]
  offsetsByTransport.set(transport, offsets)
  return offsets
}

// Returns the offset of the changed transport checksum, 0 if none was.
function replaceBoth(view: DataView, at: number, length: number, source: number, destination: number): number {
  const headerLength = (view.getUint8(at) & 15) * 4
  const transport = transportChecksumOffset(view, at, length, headerLength)
  const checksums = coveredBy(transport)
  replaceAddress(view, at + ipv4.source, source, checksums, at)
  replaceAddress(view, at + ipv4.destination, destination, checksums, at)
  // A UDP checksum that comes out as 0 would mean "none" (RFC 768).
  if (transport !== 0 && view.getUint8(at + ipv4.protocol) === protocolUdp && view.getUint16(at + transport) === 0) {
    view.setUint16(at + transport, 0xffff)
  }
  return transport
}

function moved(address: number, fromNet: number, toNet: number): number {
  return address >>> 8 === fromNet ? ((toNet << 8) | (address & 255)) >>> 0 : address
}

// The quoted packet's addresses and its IP checksum change by amounts that cancel out in the ICMP checksum only if they are
// both replaced; its transport checksum doesn't cancel. So each changed word is accounted for by itself.
function rewriteQuoted(view: DataView, icmpAt: number, length: number, fromNet: number, toNet: number): void {
  const at = icmpAt + 8
  const quotedLength = length - 8
  if (quotedLength < 20 || view.getUint8(at) >>> 4 !== 4) return
  const headerLength = (view.getUint8(at) & 15) * 4
  if (headerLength < 20 || quotedLength < headerLength) return
  const source = view.getUint32(at + ipv4.source)
  const destination = view.getUint32(at + ipv4.destination)
  const oldIpChecksum = view.getUint16(at + ipv4.checksum)
  const transport = transportChecksumOffset(view, at, quotedLength, headerLength)
  const oldTransport = transport === 0 ? 0 : view.getUint16(at + transport)
  const newSource = moved(source, fromNet, toNet)
  const newDestination = moved(destination, fromNet, toNet)
  replaceBoth(view, at, quotedLength, newSource, newDestination)
  let checksum = view.getUint16(icmpAt + 2)
  checksum = updatedChecksum(checksum, source >>> 16, newSource >>> 16)
  checksum = updatedChecksum(checksum, source & 0xffff, newSource & 0xffff)
  checksum = updatedChecksum(checksum, destination >>> 16, newDestination >>> 16)
  checksum = updatedChecksum(checksum, destination & 0xffff, newDestination & 0xffff)
  checksum = updatedChecksum(checksum, oldIpChecksum, view.getUint16(at + ipv4.checksum))
  if (transport !== 0) checksum = updatedChecksum(checksum, oldTransport, view.getUint16(at + transport))
  view.setUint16(icmpAt + 2, checksum)
}

/** True if the bytes at `at` are one whole IPv4 packet with a sound header. */
export function isIpv4Packet(view: DataView, at: number, length: number): boolean {
  if (length < 20) return false
  const first = view.getUint8(at)
  const headerLength = (first & 15) * 4
  return (
    first >>> 4 === 4 &&
    headerLength >= 20 &&
    headerLength <= length &&
    view.getUint16(at + ipv4.totalLength) === length
  )
}

/**
 * Rewrites the packet of `length` bytes at `at`: outer addresses become `source` and `destination`; the packet quoted in an
 * ICMP error moves from `fromNet` to `toNet` (first 24 bits of an address). The packet must satisfy `isIpv4Packet`.
 */
export function rewritePacket(
  view: DataView,
  at: number,
  length: number,
  target: Readonly<{ source: number; destination: number; fromNet: number; toNet: number }>,
): void {
  replaceBoth(view, at, length, target.source, target.destination)
  if (view.getUint8(at + ipv4.protocol) !== protocolIcmp || (view.getUint16(at + ipv4.fragment) & 0x1fff) !== 0) return
  const headerLength = (view.getUint8(at) & 15) * 4
  const icmpLength = length - headerLength
  if (icmpLength < 8 || !quotingIcmpTypes.has(view.getUint8(at + headerLength))) return
  rewriteQuoted(view, at + headerLength, icmpLength, target.fromNet, target.toNet)
}
