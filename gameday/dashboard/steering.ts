// Where a client area's writes and reads go: what its point of presence has chosen, or what its resolver answers.
import { decode, encode, type Answer } from 'dns-packet'
import { regions, ports, siteIndex, type Area, type Region } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'
import type { Steering } from './observed.ts'

const timeoutMs = 2000
const names = { writes: 'orders.firedrill.test', reads: 'reads.orders.firedrill.test' } as const

/**
 * From HAProxy's statistics and variables. The variables are those of the last request; what is up decides about the next.
 * Servers stand in the area's order of preference.
 */
export function steeringOfHaproxy(text: string): Steering {
  const ups = (backend: string): readonly Region[] =>
    [...text.matchAll(new RegExp(`^${backend},([abc])[^,]*,.*?,(UP|DOWN)[^,]*,`, 'gm'))]
      .filter((match) => match[2] === 'UP')
      .flatMap((match) => regions.filter((region) => region === match[1]))
  const variable = (name: string): Region | null => {
    const value = new RegExp(`proc\\.${name}: type=\\w+ value=<(\\w+)>`).exec(text)?.[1]
    return regions.find((region) => region === value) ?? null
  }
  const last = variable('write_region')
  const writable = ups('write-ready')
  return {
    writes: last !== null && writable.includes(last) ? last : (writable[0] ?? last),
    reads: ups('read-ready')[0] ?? ups('read-stale')[0] ?? variable('read_region'),
  }
}

/** The last octet of an address names its site. */
export function regionOfAddress(address: string): Region | null {
  const octet = Number(address.split('.')[3])
  return regions.find((region) => siteIndex(region) === Math.floor(octet / 32)) ?? null
}

/** @throws Error if nobody answers */
export async function lookAtSteering(world: RunningWorld, area: Area): Promise<Steering> {
  if (world.topology.steering === 'dns') {
    const [writes, reads] = await Promise.all([resolve(world, area, names.writes), resolve(world, area, names.reads)])
    return { writes, reads }
  }
  const script =
    'exec 3<>/dev/tcp/127.0.0.1/9999; echo "get var proc.write_region; get var proc.read_region; show stat" >&3; cat <&3'
  const { stdout } = await world.exec({ site: area, service: 'glb' }, ['bash', '-c', script])
  return steeringOfHaproxy(stdout)
}

/** Over TCP, since the way in carries streams: a message has its length before it. */
async function resolve(world: RunningWorld, area: Area, name: string): Promise<Region | null> {
  const stream = await world.wayIn.connect(`resolver.${area}`, ports.dns, timeoutMs)
  try {
    const question = encode({ type: 'query', id: 1, flags: 0x100, questions: [{ type: 'A', name }] })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(question.length)
    stream.write(Buffer.concat([length, question]))
    let received = Buffer.alloc(0)
    const late = setTimeout(() => stream.destroy(new Error(`the resolver of ${area} gave no answer`)), timeoutMs)
    try {
      for await (const chunk of stream) {
        received = Buffer.concat([received, chunk as Buffer])
        if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break
      }
    } finally {
      clearTimeout(late)
    }
    const answer = decode(received.subarray(2)).answers?.find((each: Answer) => each.type === 'A')
    return answer?.type === 'A' ? regionOfAddress(answer.data) : null
  } finally {
    stream.destroy()
  }
}
