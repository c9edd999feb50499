// What one sample of a drill is made of: the agents' word on their Postgres, the links that are down, the machine's load.
import { agentStatus, type AgentStatus } from '#protocol/agent.ts'
import type { Sample } from '#protocol/sample.ts'
import { regions, type Region } from '#protocol/sites.ts'
import { linksReply, type LinksReply } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'

const timeoutMs = 900

function nodeOf(status: AgentStatus): NonNullable<Sample['nodes'][Region]> {
  const { state, position, following, streaming, epochCommitted } = status
  return { state, epoch: position?.epoch ?? null, lsn: position?.lsn ?? null, following, streaming, epochCommitted }
}

/** A pair counts as cut only if no class of packets passes. */
function cutLinks({ effective, fenced }: LinksReply): Exclude<Sample['cut'], null> {
  const pairs = Map.groupBy(effective, ({ from, to }) => `${from}>${to}` as const)
  const isFenced = (site: string): boolean => fenced.some((each) => each === site)
  return [...pairs].flatMap(([pair, classes]) => {
    const [first] = classes
    const isDown = classes.every((each) => !each.up || each.loss >= 1)
    return isDown || (first !== undefined && (isFenced(first.from) || isFenced(first.to))) ? [pair] : []
  })
}

/** Never rejects for hosts that are dead or cut off: that is part of a drill. */
export async function takeSample(world: RunningWorld, machine: () => Sample['machine']): Promise<Sample | null> {
  const call = { method: 'GET', path: '/status', reply: agentStatus, timeoutMs } as const
  const links = world.wayIn.wan({ method: 'GET', path: '/links', reply: linksReply, timeoutMs }).catch(() => null)
  const nodes = await Promise.all(
    regions.map(async (region) => {
      const status = await world.wayIn.control(`postgres.${region}`, call).catch(() => null)
      return status === null ? null : ([region, nodeOf(status)] as const)
    }),
  )
  const seen = await links
  // Without the WAN there is no clock.
  if (seen === null) return null
  return {
    atNs: seen.atNs,
    nodes: Object.fromEntries(nodes.filter((each) => each !== null)),
    cut: cutLinks(seen),
    machine: machine(),
  }
}
