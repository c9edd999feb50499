// A region's Postgres falls behind: the WAN lets WAL from the other regions through to it too slowly. The connection holds, so that it
// is lag and not a cut. With `commit: quorum` the other standby vouches alone, and one more failure stops writes until this one has
// caught up; with `commit: async` what it lacks would be lost if it were promoted.
import { z } from 'zod'
import { agentStatus, reachReply, type AgentStatus } from '#protocol/agent.ts'
import { lsnFromBigInt, lsnToBigInt } from '#protocol/epoch.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { lastsMs } from './lease.ts'
import { linksStay } from './sight.ts'
import { linkName, othersThan, regionOf } from './targets.ts'
import { changeLinks, linkChanges, removeLinkChange } from './wan-calls.ts'

const lagDetail = z.object({ region: z.enum(regions), bandwidthBps: z.number(), expiresInMs: z.number() })

const callTimeoutMs = 1500
const lookEveryMs = 150
/** A standby that keeps up has replayed by then what its primary had. */
const keepsUpMs = 700
const proofMs = 5000
/** The apps' own probe commits may be less than what comes through. */
const ownWritesMs = 1500
const catchUpMs = 1200
const written = { least: 8192, most: 8 * 2 ** 20 }

async function statusOf(world: RunningWorld, region: Region): Promise<AgentStatus | null> {
  const call = { method: 'GET', path: '/status', reply: agentStatus, timeoutMs: callTimeoutMs } as const
  return world.wayIn.control(`postgres.${region}`, call).catch(() => null)
}

/** The agent of the primary of the latest epoch; null if there is none that answers. */
async function findPrimary(world: RunningWorld): Promise<AgentStatus | null> {
  const all = await Promise.all(regions.map((region) => statusOf(world, region)))
  const primaries = all.filter((each) => each?.state === 'primary').filter((each) => each !== null)
  return primaries.toSorted((left, right) => right.promised - left.promised)[0] ?? null
}

/** WAL that means nothing and that no commit needs: it lies in the way of what follows. */
async function writeWal(world: RunningWorld, primary: Region, bytes: number): Promise<void> {
  const statement = `select pg_logical_emit_message(false, 'firedrill', repeat('x', ${bytes}), true)`
  await world.exec({ site: primary, service: 'postgres' }, [
    'psql',
    '-U',
    'agent',
    '-d',
    'firedrill',
    '-qAtXc',
    statement,
  ])
}

const positionOf = (status: AgentStatus | null): bigint | null =>
  status?.position == null ? null : lsnToBigInt(status.position.lsn)

async function prove(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  const { region, bandwidthBps } = lagDetail.parse(entry.detail)
  const primary = await findPrimary(world)
  if (primary === null || primary.region === region)
    throw new FaultUnproven(
      `expected region ${region} to follow a primary, saw ${primary === null ? 'none' : 'it be the primary itself'}`,
    )
  const beganMs = performance.now()
  let hasWritten = false
  /** Where the primary was, and when. */
  const seen: { readonly atMs: number; readonly lsn: bigint }[] = []
  while (performance.now() - beganMs < proofMs) {
    const nowMs = performance.now()
    const [ahead, behind] = await Promise.all([statusOf(world, primary.region), statusOf(world, region)])
    const [aheadLsn, behindLsn] = [positionOf(ahead), positionOf(behind)]
    const expected = seen.findLast(({ atMs }) => nowMs - atMs >= keepsUpMs)
    if (aheadLsn !== null && behindLsn !== null) {
      if (expected !== undefined && behindLsn < expected.lsn && behind?.streaming === true)
        return `region ${region} streams from ${primary.region} and is ${aheadLsn - behindLsn} bytes of WAL behind, at ${lsnFromBigInt(behindLsn)}`
      seen.push({ atMs: nowMs, lsn: aheadLsn })
    }
    if (!hasWritten && nowMs - beganMs > ownWritesMs) {
      hasWritten = true
      const bytes = Math.round(Math.min(written.most, Math.max(written.least, (bandwidthBps / 8) * 3)))
      await writeWal(world, primary.region, bytes)
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
  throw new FaultUnproven(
    `expected region ${region} to stream and fall behind at ${bandwidthBps / 1000} kbit/s, saw it keep up or not stream for ${proofMs / 1000} s`,
  )
}

export const replicationLag: FaultHandler<'replication-lag'> = {
  summary: "a region's Postgres falls behind: WAL reaches it too slowly, on a connection that holds",
  endsBy: 'the WAN',

  expected: (spec) =>
    `WAL reaches ${spec.target} at ${spec.bandwidth / 1000} kbit/s at most, so it falls behind while more than that is written; ` +
    'quorum commits wait for the other standby alone, and a failover without that one must wait or lose what is missing',

  touches(spec) {
    const region = regionOf(spec.target)
    return othersThan(region, false).map((from) => linkName({ from, to: region }))
  },

  // Changes of links lie above each other: the healing of one leaves the others.
  holds: () => [],

  async impossible(world, spec) {
    const region = regionOf(spec.target)
    return (await statusOf(world, region))?.state === 'primary'
      ? `region ${region} is the primary, to which no WAL is sent: choose a standby`
      : null
  },

  detail: (spec) => ({ region: regionOf(spec.target), bandwidthBps: spec.bandwidth, expiresInMs: lastsMs(spec) }),

  async inject(world, entry) {
    const { region, bandwidthBps, expiresInMs } = lagDetail.parse(entry.detail)
    const from = othersThan(region, false)
    const atNs = await changeLinks(world, [
      { id: entry.id, from, to: [region], class: 'postgres', set: { bandwidthBps }, expiresInMs },
    ])
    return { firstNs: atNs, lastNs: atNs }
  },

  prove,

  endedIn: (entry, sight) => linksStay(entry, 1, sight),

  heal: (world, entry) => removeLinkChange(world, entry.id),

  async isHealed(world, entry) {
    const { region } = lagDetail.parse(entry.detail)
    const changes = await linkChanges(world)
    if (changes.some((change) => change.id === entry.id)) return null
    const [primary, standby] = [await findPrimary(world), await statusOf(world, region)]
    const lsn = primary?.position?.lsn
    const wide = `WAL reaches region ${region} as fast as ever`
    if (primary === null || lsn === undefined) return `${wide}; there is no primary to catch up with`
    // Whatever else has befallen it is not this fault's to heal.
    if (standby?.state !== 'standby' || !standby.whole)
      return `${wide}; its Postgres is ${standby?.state ?? 'out of reach'}`
    const call = { method: 'POST', path: '/reach', body: { lsn, withinMs: catchUpMs }, reply: reachReply } as const
    const { reached } = await world.wayIn.control(`postgres.${region}`, { ...call, timeoutMs: 2 * catchUpMs })
    return reached ? `${wide}, and it has caught up with ${primary.region} at ${lsn}` : null
  },
}
