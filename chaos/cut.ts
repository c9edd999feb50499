// Cutting a region's links and showing that packets really vanish; shared by power loss and partition.
import { z } from 'zod'
import { linkClasses, regions, sites, type LinkClass, type Region, type Site } from '#protocol/sites.ts'
import type { LedgerEntry, LinkChange } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven } from './fault.ts'
import { linkCounters } from './wan-calls.ts'
import { othersThan } from './targets.ts'

export const cutDetail = z.object({
  region: z.enum(regions),
  others: z.array(z.enum(sites)),
  class: z.enum(linkClasses).optional(),
  expiresInMs: z.number(),
})

export function describeCut(
  region: Region,
  withAreas: boolean,
  linkClass: LinkClass | undefined,
  expiresInMs: number,
): z.infer<typeof cutDetail> {
  const others = othersThan(region, withAreas)
  return { region, others, expiresInMs, ...(linkClass === undefined ? {} : { class: linkClass }) }
}

/** Both directions, with the expiry that the WAN itself enforces. */
export function cutChanges(entry: LedgerEntry): LinkChange[] {
  const cut = cutDetail.parse(entry.detail)
  const change = (from: Site[], to: Site[]): LinkChange => ({
    id: entry.id,
    from,
    to,
    set: { up: false },
    expiresInMs: cut.expiresInMs,
    ...(cut.class === undefined ? {} : { class: cut.class }),
  })
  return [change([cut.region], cut.others), change(cut.others, [cut.region])]
}

/**
 * Watches the WAN drop packets on the cut links: controllers and agents send beats at all times, so drops come at once.
 * @throws FaultUnproven after 5 s without a dropped packet
 */
export async function proveCut(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  const cut = cutDetail.parse(entry.detail)
  const dropped = async (): Promise<number> => {
    const seen = await linkCounters(world)
    return seen.links
      .filter((link) => link.from === cut.region || link.to === cut.region)
      .filter((link) => cut.class === undefined || link.class === cut.class)
      .filter((link) => cut.others.includes(link.from === cut.region ? link.to : link.from))
      .reduce((sum, link) => sum + link.dropped, 0)
  }
  const before = await dropped()
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const now = await dropped()
    if (now > before) return `${now - before} packets to or from region ${cut.region} dropped since`
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new FaultUnproven(`expected the WAN to drop packets of region ${cut.region}, saw none in 5 s`)
}
