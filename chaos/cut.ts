// Cutting links and showing that packets really vanish; shared by power loss and partition.
import { z } from 'zod'
import { linkClasses, sites, type LinkClass } from '#protocol/sites.ts'
import { linkTurns, type LedgerEntry, type LinkChange, type LinkTurns } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven } from './fault.ts'
import { eachLink, linkName, type CutTarget, type Link } from './targets.ts'
import { usableLinks, watchTraffic } from './traffic.ts'

const linkSets = z.array(z.object({ from: z.array(z.enum(sites)), to: z.array(z.enum(sites)) }))
export const cutDetail = z.object({
  cut: linkSets,
  spared: linkSets,
  class: z.enum(linkClasses).optional(),
  turns: linkTurns.optional(),
  expiresInMs: z.number(),
})

const proofWithinMs = 5000
const healProofWithinMs = 2500
/** An up turn that comes later than this is not waited for. */
const longestDownMs = 2000

export function describeCut(
  { cut, spared }: CutTarget,
  options: {
    readonly class?: LinkClass | undefined
    readonly turns?: LinkTurns | undefined
    readonly expiresInMs: number
  },
): z.infer<typeof cutDetail> {
  return {
    cut: [...cut],
    spared: [...spared],
    expiresInMs: options.expiresInMs,
    ...(options.class === undefined ? {} : { class: options.class }),
    ...(options.turns === undefined ? {} : { turns: options.turns }),
  }
}

/** With the turns and the expiry that the WAN itself carries out. */
export function cutChanges(entry: LedgerEntry): LinkChange[] {
  const { cut, class: linkClass, turns, expiresInMs } = cutDetail.parse(entry.detail)
  return cut.map(({ from, to }) => ({
    id: entry.id,
    from,
    to,
    set: { up: false },
    expiresInMs,
    ...(linkClass === undefined ? {} : { class: linkClass }),
    ...(turns === undefined ? {} : { turns }),
  }))
}

/** Which of the links are looked at. */
type Looked = (link: Link) => boolean
const all: Looked = () => true

/**
 * Watches the WAN drop packets on every cut link, and deliver on those that the cut leaves alone.
 * @throws FaultUnproven after 5 s
 */
export async function proveCut(world: RunningWorld, entry: LedgerEntry, isLooked: Looked = all): Promise<string> {
  const { cut, spared, class: linkClass, turns } = cutDetail.parse(entry.detail)
  const dropping = eachLink(cut).filter(isLooked)
  const flapsSoon = turns !== undefined && turns.onMs <= longestDownMs
  const delivering = [...(await usableLinks(world, eachLink(spared), linkClass)), ...(flapsSoon ? dropping : [])]
  const seen = await watchTraffic(world, { dropping, delivering, class: linkClass, withinMs: proofWithinMs })
  if (seen.unseen.length > 0)
    throw new FaultUnproven(
      `expected ${entry.target} to be cut, saw within ${proofWithinMs / 1000} s no packet that made ${seen.unseen.join(', ')}`,
    )
  if (seen.dropped === 0)
    throw new FaultUnproven(`expected packets to be dropped on ${entry.target}, saw nobody who could send any`)
  const parts = [`${seen.dropped} packets dropped since on ${describeLinks(dropping.map(linkName), seen.mute)}`]
  if (flapsSoon) parts.push('which deliver in their up turns')
  if (delivering.length > 0 && !flapsSoon)
    parts.push(`${seen.delivered} delivered on ${delivering.map(linkName).join(', ')}`)
  return parts.join(', ')
}

function describeLinks(names: readonly string[], mute: readonly string[]): string {
  const heard = names.filter((each) => !mute.includes(each))
  const more = mute.length === 0 ? '' : ` (nobody is there to send on ${mute.join(', ')})`
  return `${heard.join(', ')}${more}`
}

/** A sentence if packets pass on all links that were cut and that nothing else cuts now, else null. */
export async function seeDelivery(
  world: RunningWorld,
  entry: LedgerEntry,
  isLooked: Looked = all,
): Promise<string | null> {
  const { cut, class: linkClass } = cutDetail.parse(entry.detail)
  const links = eachLink(cut).filter(isLooked)
  const delivering = await usableLinks(world, links, linkClass)
  const seen = await watchTraffic(world, { dropping: [], delivering, class: linkClass, withinMs: healProofWithinMs })
  if (seen.unseen.length > 0) return null
  const heard = delivering.map(linkName).filter((each) => !seen.mute.includes(each))
  const cutByOthers = links.length - delivering.length
  return [
    heard.length === 0 ? 'its links have their own settings again' : `packets pass again on ${heard.join(', ')}`,
    ...(cutByOthers === 0 ? [] : [`${cutByOthers} links are held down by something else`]),
    ...(seen.mute.length === 0 ? [] : [`nobody is there to send on ${seen.mute.join(', ')}`]),
  ].join('; ')
}
