// One fault from ledger to proof, and back: the ledger entry is written first and erased last.
import type { FaultSpec } from '#protocol/faults.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import { FaultImpossible, NothingToBreak, type Effect } from './fault.ts'
import { handlerOf } from './library.ts'
import { conflictIn, heldByOthers } from './holds.ts'
import { lastsMs, leaseMs } from './lease.ts'
import { clockNs, eraseLedger, markHealing, readLedger, renewLedger, writeLedger } from './wan-calls.ts'

export interface InjectedFault {
  readonly entry: LedgerEntry
  readonly effect: Effect
}

/** Why this world, or the machine that it runs on, can't do the fault; null if it can. */
export async function impossibleHere(world: RunningWorld, spec: FaultSpec): Promise<string | null> {
  const unsupported = (await world.unsupportedFaults()).find(({ kind }) => kind === spec.kind)
  return unsupported?.reason ?? (await handlerOf(spec.kind).impossible?.(world, spec)) ?? null
}

/**
 * Writes the ledger, then injects. Proof is asked for separately, since it may take seconds. Without a planned end (`for`) it ends
 * after `leaseMs` unless it is renewed.
 * @throws NothingToBreak, FaultImpossible: nothing was done
 * @throws Error if it could not be injected; what had been done by then is taken back first
 */
export async function injectFault(world: RunningWorld, drill: string, spec: FaultSpec): Promise<InjectedFault> {
  const handler = handlerOf(spec.kind)
  const id = `${drill}.${spec.id}`
  const refuse = (reason: string | null): void => {
    if (reason !== null) throw new FaultImpossible(`${spec.kind} of ${spec.target} can't be done: ${reason}`)
  }
  refuse(await impossibleHere(world, spec))
  refuse(conflictIn(await readLedger(world), { ...spec, id }))
  const seen = (await handler.survey?.(world, spec)) ?? {}
  const nowNs = await clockNs(world)
  const entry: LedgerEntry = {
    id,
    drill,
    kind: spec.kind,
    target: spec.target,
    detail: { ...handler.detail(spec), ...seen },
    injectedNs: nowNs.toString(),
    expiresNs: (nowNs + BigInt(Math.round(lastsMs(spec))) * 1_000_000n).toString(),
    ...(spec.for === undefined ? { leased: true } : {}),
  }
  await writeLedger(world, entry)
  // Another may have been written at the same time: then the later one yields.
  const conflict = conflictIn(await entriesBefore(world, id), { ...spec, id })
  if (conflict !== null) await eraseLedger(world, id)
  refuse(conflict)
  try {
    return { entry, effect: await handler.inject(world, entry) }
  } catch (error) {
    if (error instanceof NothingToBreak) await eraseLedger(world, entry.id)
    else
      await healFault(world, entry).catch((left: unknown) => {
        throw new Error(
          `${messageOf(error)}; it could not be taken back either (${messageOf(left)}): ./firedrill heal --world ${world.name}`,
          { cause: error },
        )
      })
    throw error
  }
}

async function entriesBefore(world: RunningWorld, id: string): Promise<readonly LedgerEntry[]> {
  const entries = await readLedger(world)
  return entries.slice(
    0,
    Math.max(
      0,
      entries.findIndex((each) => each.id === id),
    ),
  )
}

const healAgainMs = 5000

/** @throws FaultUnproven */
export function proveFault(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  return handlerOf(entry.kind).prove(world, entry)
}

/**
 * Prolongs a fault that has no planned end. One that has ended stays so, and so do flapping turns and the order of changes.
 * @returns false if the ledger does not have it any more
 * @throws Error if the WAN, or who else carries it out, does not answer
 */
export async function renewFault(world: RunningWorld, entry: LedgerEntry): Promise<boolean> {
  const renewed = await renewLedger(world, entry.id, leaseMs)
  if (renewed) await handlerOf(entry.kind).renew?.(world, entry, leaseMs)
  return renewed
}

export interface HealedFault {
  /** What shows that it has gone. */
  readonly proof: string
  /** When it had gone: as the very thing says, else when it was seen. */
  readonly atNs: bigint
}

/**
 * Heals, waits until that shows, and erases the ledger entry. Works from the entry alone. What other faults hold is left to them.
 * @throws Error if it does not show within `withinMs`; the entry then stays
 */
export async function undoFault(world: RunningWorld, entry: LedgerEntry, withinMs = 60_000): Promise<HealedFault> {
  const deadline = performance.now() + withinMs
  const handler = handlerOf(entry.kind)
  const resists = (why: string, cause?: unknown): Error =>
    new Error(`fault ${entry.id} (${entry.kind} of ${entry.target}) does not heal: ${why}`, { cause })
  let healedMs = Number.NEGATIVE_INFINITY
  let goneNs: bigint | null = null
  for (;;) {
    let unanswered = ''
    // What has only just come back may not answer yet.
    const answered = <Answer>(asking: Promise<Answer>): Promise<Answer | null> =>
      asking.catch((error: unknown) => {
        unanswered = `; the last answer: ${messageOf(error)}`
        return null
      })
    const entries = await answered(markHealing(world, entry.id))
    const held = heldByOthers(entries ?? [], entry.id)
    // Again after a while: a container may have died only after heal had looked at it.
    if (entries !== null && goneNs === null && performance.now() - healedMs > healAgainMs) {
      const healed = await handler.heal(world, entry, held).catch((error: unknown) => {
        throw resists(messageOf(error), error)
      })
      goneNs = healed ?? null
      healedMs = performance.now()
    }
    const proof = entries === null ? null : await answered(handler.isHealed(world, entry, held))
    if (proof !== null) {
      const atNs = goneNs ?? (await clockNs(world))
      await eraseLedger(world, entry.id)
      return { proof, atNs }
    }
    if (performance.now() > deadline) throw resists(`waited ${withinMs / 1000} s${unanswered}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** As `undoFault`. @returns what shows that the fault has gone */
export async function healFault(world: RunningWorld, entry: LedgerEntry, withinMs?: number): Promise<string> {
  return (await undoFault(world, entry, withinMs)).proof
}
