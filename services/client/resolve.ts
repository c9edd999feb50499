// Finds a name's address through the area's resolver and obeys the TTL: an address is used until its TTL ends, never longer.
import { Resolver } from 'node:dns/promises'
import { monotonicMs } from '#runtime/clock.ts'

const attemptTimeoutMs = 1000
const tries = 2

interface Cached {
  readonly address: string
  readonly untilMs: number
}

/**
 * @param server `address:port` of the resolver
 * @returns a function from a name to its IPv4 address; it rejects with the resolver's error if there is no answer
 */
export function createNameCache(server: string, nowMs: () => number = monotonicMs): (name: string) => Promise<string> {
  const resolver = new Resolver({ timeout: attemptTimeoutMs, tries })
  resolver.setServers([server])
  const cache = new Map<string, Cached>()
  const underWay = new Map<string, Promise<string>>()

  const lookUp = async (name: string): Promise<string> => {
    const [record] = await resolver.resolve4(name, { ttl: true })
    if (record === undefined) throw new Error(`expected an address of ${name}, saw an empty answer`)
    cache.set(name, { address: record.address, untilMs: nowMs() + record.ttl * 1000 })
    return record.address
  }
  return (name) => {
    const known = cache.get(name)
    if (known !== undefined && nowMs() < known.untilMs) return Promise.resolve(known.address)
    const pending = underWay.get(name) ?? lookUp(name).finally(() => underWay.delete(name))
    underWay.set(name, pending)
    return pending
  }
}
