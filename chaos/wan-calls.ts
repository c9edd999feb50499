// The calls to the WAN that faults are made with: its clock, its links, its ledger.
import { z } from 'zod'
import {
  clockReply,
  counters,
  ledgerEntry,
  linkReply,
  linksReply,
  fenceState,
  type Counters,
  type LedgerEntry,
  type LinkChange,
  type LinksReply,
} from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'

const timeoutMs = 3000
const anything = z.unknown()

/** Monotonic ns of the kernel that all containers share. */
export async function clockNs(world: RunningWorld): Promise<bigint> {
  const reply = await world.wayIn.wan({ method: 'GET', path: '/clock', reply: clockReply, timeoutMs })
  return BigInt(reply.monotonicNs)
}

/** Runs `work` between two readings of the WAN's clock: the effect lies somewhere between them. */
export async function between(
  world: RunningWorld,
  work: () => Promise<unknown>,
): Promise<{ readonly firstNs: bigint; readonly lastNs: bigint }> {
  const firstNs = await clockNs(world)
  await work()
  return { firstNs, lastNs: await clockNs(world) }
}

/** Applies all changes at one instant. @returns that instant */
export async function changeLinks(world: RunningWorld, changes: readonly LinkChange[]): Promise<bigint> {
  const reply = await world.wayIn.wan({
    method: 'POST',
    path: '/links',
    body: { changes },
    reply: linkReply,
    timeoutMs,
  })
  return BigInt(reply.atNs)
}

/** Removes all changes with this id; no error if there is none. */
export async function removeLinkChange(world: RunningWorld, id: string): Promise<void> {
  await world.wayIn.wan({ method: 'DELETE', path: `/links/${encodeURIComponent(id)}`, reply: anything, timeoutMs })
}

/** Every change of links in force, and what they come to. */
export async function linkState(world: RunningWorld): Promise<LinksReply> {
  return world.wayIn.wan({ method: 'GET', path: '/links', reply: linksReply, timeoutMs })
}

/** Every change of links in force, base excluded. */
export async function linkChanges(world: RunningWorld): Promise<readonly LinkChange[]> {
  return (await linkState(world)).layers.filter((change) => change.id !== 'base')
}

export async function linkCounters(world: RunningWorld): Promise<Counters> {
  return world.wayIn.wan({ method: 'GET', path: '/counters', reply: counters, timeoutMs })
}

export async function writeLedger(world: RunningWorld, entry: LedgerEntry): Promise<void> {
  const path = `/ledger/${encodeURIComponent(entry.id)}`
  await world.wayIn.wan({ method: 'PUT', path, body: entry, reply: anything, timeoutMs })
}

export async function eraseLedger(world: RunningWorld, id: string): Promise<void> {
  await world.wayIn.wan({ method: 'DELETE', path: `/ledger/${encodeURIComponent(id)}`, reply: anything, timeoutMs })
}

export async function readLedger(world: RunningWorld): Promise<readonly LedgerEntry[]> {
  const reply = await world.wayIn.wan({
    method: 'GET',
    path: '/ledger',
    reply: z.object({ entries: z.array(ledgerEntry) }),
    timeoutMs,
  })
  return reply.entries
}

/** Repairs a fence device that chaos has broken. @returns whether it was broken */
export async function mendFenceDevice(world: RunningWorld): Promise<boolean> {
  const before = await world.wayIn.wan({ method: 'GET', path: '/fence', reply: fenceState, timeoutMs })
  if (before.broken === null) return false
  await world.wayIn.wan({ method: 'POST', path: '/fence/mend', reply: fenceState, timeoutMs })
  return true
}
