// Finds a free /21 for a world: not overlapping any Docker network, any route of this machine, nor what another `up` has just taken.
import { readdir } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type Dockerode from 'dockerode'
import { sites } from '#protocol/sites.ts'
import { machineFolder } from './checkout.ts'
import { EnvironmentError } from './environment-error.ts'
import { type ProcessLock, tryLock } from './process-lock.ts'

/** Half-open range of IPv4 addresses as numbers. */
export interface AddressRange {
  readonly first: number
  readonly end: number
}

const worldSize = 2 ** 11
const siteSize = 2 ** 8

/** @throws RangeError if the text is no IPv4 network such as 198.18.0.0/15 */
export function parseNetwork(text: string): AddressRange {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  const numbers = (match ?? []).slice(1).map(Number)
  const [a = 256, b = 256, c = 256, d = 256, length = 33] = numbers
  if (Math.max(a, b, c, d) > 255 || length > 32)
    throw new RangeError(`expected an IPv4 network such as 198.18.0.0/15, saw ${JSON.stringify(text)}`)
  const size = 2 ** (32 - length)
  const first = Math.floor((((a * 256 + b) * 256 + c) * 256 + d) / size) * size
  return { first, end: first + size }
}

/** The first /21 inside `base` that overlaps none of `taken`; null if there is none. */
export function firstFree(base: AddressRange, taken: readonly AddressRange[]): AddressRange | null {
  for (let first = Math.ceil(base.first / worldSize) * worldSize; first + worldSize <= base.end; first += worldSize) {
    const candidate = { first, end: first + worldSize }
    if (!taken.some((each) => each.first < candidate.end && candidate.first < each.end)) return candidate
  }
  return null
}

/** The /24 prefixes of a world, in the order of `sites`: `198.18.0`, `198.18.1`, … */
export function sitePrefixes(range: AddressRange): readonly string[] {
  return sites.map((_, index) => {
    const address = range.first + index * siteSize
    return [address / 2 ** 24, (address / 2 ** 16) % 256, (address / 2 ** 8) % 256].map(Math.floor).join('.')
  })
}

/**
 * Takes the first free /21 of `networkBase` and holds it until the lock is released: long enough for Docker to know of it.
 * @throws EnvironmentError if all of it is in use
 */
export async function takeRange(
  docker: Dockerode,
  networkBase: string,
): Promise<{ range: AddressRange; hold: ProcessLock }> {
  const base = parseNetwork(networkBase)
  const taken = [...(await dockerRanges(docker)), ...machineRanges()]
  const folder = join(machineFolder(), 'ranges')
  for (;;) {
    const range = firstFree(base, taken)
    if (range === null)
      throw new EnvironmentError(
        `every /21 of ${networkBase} is in use by Docker networks or routes (docker network ls, ip route); bring a world down (./firedrill down --world NAME) or set FIREDRILL_NETWORK_BASE to a free network`,
      )
    const attempt = await tryLock(join(folder, String(range.first)), 'bring up a world')
    if (attempt.taken) return { range, hold: attempt.lock }
    taken.push(range)
  }
}

/** Removes reservations of dead processes. */
export async function forgetDeadReservations(): Promise<void> {
  const folder = join(machineFolder(), 'ranges')
  for (const name of await readdir(folder).catch(() => [])) {
    const attempt = await tryLock(join(folder, name), 'forget dead reservations')
    if (attempt.taken) await attempt.lock.release()
  }
}

async function dockerRanges(docker: Dockerode): Promise<AddressRange[]> {
  const networks = await docker.listNetworks()
  return networks.flatMap((network) =>
    (network.IPAM?.Config ?? []).flatMap(({ Subnet }) =>
      Subnet?.includes('.') === true ? [parseNetwork(Subnet)] : [],
    ),
  )
}

/** Networks of this machine's interfaces and its routes (default routes aside). */
function machineRanges(): AddressRange[] {
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const ranges = own.flatMap(({ cidr, family }) => (family === 'IPv4' && cidr !== null ? [parseNetwork(cidr)] : []))
  return [...ranges, ...linuxRoutes()]
}

function linuxRoutes(): AddressRange[] {
  let table: string
  try {
    table = readFileSync('/proc/net/route', 'utf8')
  } catch {
    return []
  }
  // Columns: interface, destination, gateway, flags, ..., mask (the eighth); numbers are little-endian hexadecimal.
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .flatMap((columns) => {
      const mask = littleEndian(columns[7])
      const first = littleEndian(columns[1])
      return mask === 0 ? [] : [{ first, end: first + (2 ** 32 - mask) }]
    })
}

function littleEndian(hexadecimal: string | undefined): number {
  if (hexadecimal === undefined || hexadecimal === '') return 0
  return Buffer.from(hexadecimal, 'hex').readUInt32LE(0)
}
