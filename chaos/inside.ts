// What is sent and measured from inside a site, by bash alone: every image has it, and it costs a busy world little.
import * as dnsPacket from 'dns-packet'
import type { Packet, StringAnswer } from 'dns-packet'
import {
  areaHosts,
  hostClass,
  isArea,
  packetClass,
  ports,
  regionHosts,
  type LinkClass,
  type Site,
} from '#protocol/sites.ts'
import type { RunningWorld, ServiceName, Target } from '#world/running-world.ts'
import { nameOf, type Link } from './targets.ts'

/** No script runs for longer, whatever becomes of its network. */
const scriptLimitS = 3

/** A port of each service that takes connections without a cost: the control listener where there is one. */
const openPorts: Readonly<Record<Exclude<ServiceName, 'wan'>, number>> = {
  app: ports.control,
  postgres: ports.control,
  redis: ports.redis,
  kafka: ports.kafka,
  etcd: ports.etcd,
  controller: ports.control,
  bridge: ports.control,
  dns: ports.control,
  client: ports.control,
  resolver: ports.dns,
  glb: ports.glb,
}

type SiteService = keyof typeof openPorts

/** Two containers whose packets take a link, in a class. */
export interface Ends {
  readonly source: Target
  /** `postgres.b`. */
  readonly host: string
  readonly port: number
  readonly class: LinkClass
}

/** Names of the containers that run. */
export async function runningNames(world: RunningWorld): Promise<ReadonlySet<string>> {
  const facts = await world.containers()
  return new Set(facts.filter(({ state }) => state === 'running').map(nameOf))
}

function hostsOf(site: Site): readonly (readonly [SiteService, number])[] {
  return Object.entries(isArea(site) ? areaHosts : regionHosts) as [SiteService, number][]
}

/**
 * Ends of a link between which packets of the class go: of any class if it is undefined.
 * @param usable whether a container may be taken; names as in `runningNames`
 * @returns null if there are none
 */
export function endsOf(
  { from, to }: Link,
  linkClass: LinkClass | undefined,
  usable: { readonly source: (name: string) => boolean; readonly host: (name: string) => boolean },
): Ends | null {
  for (const [source, sourceNumber] of hostsOf(from)) {
    if (!usable.source(`${source}.${from}`)) continue
    for (const [host, number] of hostsOf(to)) {
      const seen = packetClass(hostClass(from, sourceNumber), hostClass(to, number))
      if ((linkClass !== undefined && seen !== linkClass) || !usable.host(`${host}.${to}`)) continue
      return {
        source: { site: from, service: source },
        host: `${host}.${to}`,
        port: openPorts[host],
        class: seen,
      }
    }
  }
  return null
}

/** Runs a script in a container for at most `scriptLimitS`, and gives what it printed until then. */
export async function runInside(
  world: RunningWorld,
  target: Target,
  script: string,
  argv: readonly (string | number)[],
): Promise<string> {
  const command = ['timeout', String(scriptLimitS), 'bash', '-c', script, 'bash', ...argv.map(String)]
  return (await world.exec(target, command)).stdout
}

// Nobody listens there: the answer, if any, is an ICMP error. A socket that has got one refuses one datagram.
const discardPort = 9
const datagrams = `
rounds=$1 pause=$2 each=$3 bytes=$4; shift 4
payload=$(printf '%*s' "$bytes" '')
for ((round = 0; round < rounds; round++)); do
  for host; do
    for ((i = 0; i < each; i++)); do printf %s "$payload" >/dev/udp/"$host"/${discardPort}; done 2>/dev/null
  done
  sleep "$pause"
done
`

/** Sends datagrams over links, side by side from each source. Sources that can't (they died meanwhile) are passed over. */
export async function sendDatagrams(
  world: RunningWorld,
  ends: readonly Ends[],
  options: { readonly rounds: number; readonly pauseMs: number; readonly each: number; readonly bytes: number },
): Promise<void> {
  const bySource = Map.groupBy(ends, ({ source }) => nameOf(source))
  const { rounds, pauseMs, each, bytes } = options
  await Promise.allSettled(
    [...bySource.values()].map(async (group) => {
      const [first] = group
      if (first === undefined) return
      const hosts = group.map(({ host }) => host)
      await runInside(world, first.source, datagrams, [rounds, pauseMs / 1000, each, bytes, ...hosts])
    }),
  )
}

const handshakes = `
host=$1 port=$2 count=$3 pause=$4
for ((i = 0; i < count; i++)); do
  (
    from=$EPOCHREALTIME
    { : <>/dev/tcp/"$host"/"$port"; } 2>/dev/null || exit
    to=$EPOCHREALTIME
    echo $((\${to/./} - \${from/./}))
  ) &
  sleep "$pause"
done
wait
`

/** Times of TCP handshakes as seen from inside the source, ms; those that did not come to an end in time are missing. */
export async function handshakeTimes(
  world: RunningWorld,
  { source, host, port }: Ends,
  options: { readonly count: number; readonly pauseMs: number },
): Promise<readonly number[]> {
  const argv = [host, port, options.count, options.pauseMs / 1000]
  const output = await runInside(world, source, handshakes, argv)
  return output
    .split('\n')
    .filter((line) => /^\d+$/.test(line))
    .map((line) => Number(line) / 1000)
}

/** What a DNS server answered: `NOERROR` and such, and the first address in it. */
export interface DnsReply {
  readonly code: string
  readonly address: string | null
}

// The query comes as escapes, since arguments can't hold its zeros; the answer goes out as hexadecimal text.
const query = `
exec 3<>/dev/udp/"$1"/${ports.dns} || exit
printf "$2" >&3
timeout 1 dd bs=4096 count=1 <&3 2>/dev/null | od -An -v -tx1
`

/** Asks a DNS server for an address, by one datagram from inside the asker. Null: no answer within a second. */
export async function askDns(world: RunningWorld, asker: Target, host: string, name: string): Promise<DnsReply | null> {
  const question: Packet = { type: 'query', id: 7, flags: 0x100, questions: [{ type: 'A', name, class: 'IN' }] }
  const escapes = dnsPacket.encode(question).toString('hex').replaceAll(/../g, '\\x$&')
  const output = await runInside(world, asker, query, [host, escapes])
  const message = Buffer.from(output.replaceAll(/\s/g, ''), 'hex')
  if (message.length === 0) return null
  const reply = dnsPacket.decode(message)
  const record = reply.answers?.find((each): each is StringAnswer => each.type === 'A')
  return { code: (reply as unknown as { rcode: string }).rcode, address: record?.data ?? null }
}
