// The calls to the WAN that faults are made with: its clock, its links, its ledger.
import { z } from 'zod'
import {
  clockReply,
  counters,
  ledgerHistory,
  ledgerReply,
  linkReply,
  linksReply,
  fenceState,
  renewReply,
  type Counters,
  type FenceState,
  type LedgerEntry,
  type LedgerHistory,
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

/** Removes all changes with this id; no error if there is none. @returns when there was none any more */
export async function removeLinkChange(world: RunningWorld, id: string): Promise<bigint> {
  const path = `/links/${encodeURIComponent(id)}`
  const { atNs } = await world.wayIn.wan({ method: 'DELETE', path, reply: linkReply, timeoutMs })
  return BigInt(atNs)
}

/** The changes of links, and what they come to now. */
export async function linksState(world: RunningWorld): Promise<LinksReply> {
  return world.wayIn.wan({ method: 'GET', path: '/links', reply: linksReply, timeoutMs })
}

/** Every change of links that is neither healed nor expired, base excluded. */
export async function linkChanges(world: RunningWorld): Promise<readonly LinkChange[]> {
  return (await linksState(world)).layers.filter((change) => change.id !== 'base')
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

/** Who else heals sees that this one holds nothing any more. @returns the ledger with the mark in it */
export async function markHealing(world: RunningWorld, id: string): Promise<readonly LedgerEntry[]> {
  const path = `/ledger/${encodeURIComponent(id)}/healing`
  return (await world.wayIn.wan({ method: 'POST', path, reply: ledgerReply, timeoutMs })).entries
}

/** @returns false if there is no such entry */
export async function renewLedger(world: RunningWorld, id: string, expiresInMs: number): Promise<boolean> {
  const path = `/ledger/${encodeURIComponent(id)}/renew`
  return (await world.wayIn.wan({ method: 'POST', path, body: { expiresInMs }, reply: renewReply, timeoutMs })).renewed
}

export async function readLedger(world: RunningWorld): Promise<readonly LedgerEntry[]> {
  return (await readLedgerHistory(world)).entries
}

/** What is in the ledger, and what was. */
export async function readLedgerHistory(world: RunningWorld): Promise<LedgerHistory> {
  return world.wayIn.wan({ method: 'GET', path: '/ledger', reply: ledgerHistory, timeoutMs })
}

export async function readFence(world: RunningWorld): Promise<FenceState> {
  return world.wayIn.wan({ method: 'GET', path: '/fence', reply: fenceState, timeoutMs })
}

/** Repairs a fence device that chaos has broken. @returns whether it was broken */
export async function mendFenceDevice(world: RunningWorld): Promise<boolean> {
  if ((await readFence(world)).broken === null) return false
  await world.wayIn.wan({ method: 'POST', path: '/fence/mend', reply: fenceState, timeoutMs })
  return true
}
