// When a world is whole, and when a failover is complete: pure judgements of what controllers, agents and apps say.
import type { AgentStatus } from '#protocol/agent.ts'
import type { ControllerStatus } from '#protocol/controller.ts'
import { lsnToBigInt, type EpochRecord } from '#protocol/epoch.ts'
import { regions, type Region } from '#protocol/sites.ts'

/** Null for whoever did not answer. */
export interface WorldView {
  readonly controllers: Readonly<Record<Region, ControllerStatus | null>>
  readonly agents: Readonly<Record<Region, AgentStatus | null>>
  /** Answers of the apps' readiness checks. */
  readonly readyForReads: Readonly<Record<Region, boolean>>
  readonly readyForWrites: Readonly<Record<Region, boolean>>
  /** Whether Kafka and Redis take connections. */
  readonly busUp: Readonly<Record<Region, boolean>>
  /** Age of the oldest event that a region's relay has sent and that isn't known in every region's Kafka; null: none is relayed. */
  readonly relayBehindMs: Readonly<Record<Region, number | null>>
}

const largestLagBytes = 1_048_576n
/** A move hands over what is not confirmed everywhere, and the new primary sends all of it again. */
const longestBehindMs = 3000

/** The highest epoch record that any controller knows. */
export function currentEpoch(view: Pick<WorldView, 'controllers'>): EpochRecord | null {
  return regions
    .map((region) => view.controllers[region]?.epoch ?? null)
    .reduce(
      (best, each) =>
        each !== null &&
        (best === null || each.epoch > best.epoch || (each.epoch === best.epoch && each.state === 'active'))
          ? each
          : best,
      null,
    )
}

/** The primary of the current epoch, once it is active. */
export function currentPrimary(view: WorldView): Region | null {
  const record = currentEpoch(view)
  return record?.state === 'active' ? record.primary : null
}

function missingOf(view: WorldView, region: Region, primary: Region, primaryStatus: AgentStatus): readonly string[] {
  const agent = view.agents[region]
  const missing: string[] = []
  if (view.controllers[region] === null) missing.push(`controller.${region} does not answer`)
  if (!view.readyForReads[region]) missing.push(`app.${region} is not ready`)
  if (!view.busUp[region]) missing.push(`Kafka or Redis of ${region} takes no connections`)
  if (agent === null) return [...missing, `the agent of ${region} does not answer`]
  if (region === primary) return missing
  if (!agent.whole) missing.push(`Postgres of ${region} is half made`)
  if (agent.state !== 'standby' || agent.following !== primary || !agent.streaming)
    missing.push(`Postgres of ${region} is ${agent.state} and follows ${agent.following ?? 'nobody'}`)
  const flushLsn = primaryStatus.followers.find((each) => each.region === region)?.flushLsn ?? null
  const end = primaryStatus.position?.lsn ?? null
  if (flushLsn === null || end === null) missing.push(`the primary does not see ${region} stream`)
  else if (lsnToBigInt(end) - lsnToBigInt(flushLsn) > largestLagBytes) missing.push(`Postgres of ${region} lags`)
  return missing
}

/** What is missing until the world is whole: one primary, everybody streaming from it, every service there. Empty: whole. */
export function missingForWhole(view: WorldView): readonly string[] {
  const primary = currentPrimary(view)
  if (primary === null) return ['no epoch is active']
  const primaryStatus = view.agents[primary]
  if (primaryStatus === null) return [`the agent of primary ${primary} does not answer`]
  const missing: string[] = []
  if (primaryStatus.state !== 'primary' || !primaryStatus.epochCommitted)
    missing.push(`Postgres of ${primary} is ${primaryStatus.state}`)
  if (!view.readyForWrites[primary]) missing.push(`app.${primary} is not ready for writes`)
  const behindMs = view.relayBehindMs[primary]
  if (behindMs === null) missing.push(`app.${primary} relays no events`)
  else if (behindMs > longestBehindMs)
    missing.push(`some region's Kafka lacks events of the last ${Math.round(behindMs / 1000)} s`)
  for (const region of regions) {
    if (region !== primary && view.readyForWrites[region]) missing.push(`app.${region} takes writes and should not`)
    if (view.controllers[region]?.busy != null)
      missing.push(`controller.${region} is busy with a ${view.controllers[region].busy}`)
  }
  return [...missing, ...regions.flatMap((region) => missingOf(view, region, primary, primaryStatus))]
}

/** What differs from a fresh world: it is whole, and home is primary. */
export function missingForFresh(view: WorldView, home: Region): readonly string[] {
  const primary = currentPrimary(view)
  const moved = primary !== null && primary !== home ? [`${primary} is primary, home is ${home}`] : []
  return [...moved, ...missingForWhole(view)]
}

/** The highest epoch that is known: a view in which no controller answers knows less than was known before. */
export function highestEpoch(view: WorldView, known: number): number {
  return Math.max(known, currentEpoch(view)?.epoch ?? 0)
}

/** Whether an epoch above `epoch` is active. */
export function failoverComplete(view: WorldView, epoch: number): boolean {
  const record = currentEpoch(view)
  return record !== null && record.epoch > epoch && record.state === 'active'
}
