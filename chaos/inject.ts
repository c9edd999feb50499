// One fault from ledger to proof, and back: the ledger entry is written first and erased last.
import type { FaultSpec } from '#protocol/faults.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import { FaultImpossible, NothingToBreak, type Effect } from './fault.ts'
import { handlerOf } from './library.ts'
import { clockNs, eraseLedger, writeLedger } from './wan-calls.ts'

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
 * Writes the ledger, then injects. Proof is asked for separately, since it may take seconds.
 * @throws NothingToBreak, FaultImpossible: nothing was done
 * @throws Error if it could not be injected; what had been done by then is taken back first
 */
export async function injectFault(world: RunningWorld, drill: string, spec: FaultSpec): Promise<InjectedFault> {
  const handler = handlerOf(spec.kind)
  const impossible = await impossibleHere(world, spec)
  if (impossible !== null) throw new FaultImpossible(`${spec.kind} of ${spec.target} can't be done: ${impossible}`)
  const seen = (await handler.survey?.(world, spec)) ?? {}
  const nowNs = await clockNs(world)
  const entry: LedgerEntry = {
    id: `${drill}.${spec.id}`,
    drill,
    kind: spec.kind,
    target: spec.target,
    detail: { ...handler.detail(spec), ...seen },
    injectedNs: nowNs.toString(),
    expiresNs: (nowNs + BigInt(spec.for) * 1_000_000n).toString(),
  }
  await writeLedger(world, entry)
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

const healAgainMs = 5000

/** @throws FaultUnproven */
export function proveFault(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  return handlerOf(entry.kind).prove(world, entry)
}

/**
 * Heals, waits until that shows, and erases the ledger entry. Works from the entry alone.
 * @returns the sentence that shows that the fault has gone
 * @throws Error if it does not show within `withinMs`; the entry then stays
 */
export async function healFault(world: RunningWorld, entry: LedgerEntry, withinMs = 60_000): Promise<string> {
  const handler = handlerOf(entry.kind)
  const deadline = Date.now() + withinMs
  let healedMs = Number.NEGATIVE_INFINITY
  for (;;) {
    // Again after a while: a container may have died only after heal had looked at it.
    if (Date.now() - healedMs > healAgainMs) {
      await handler.heal(world, entry)
      healedMs = Date.now()
    }
    let unanswered = ''
    // What has only just come back may not answer yet.
    const proof = await handler.isHealed(world, entry).catch((error: unknown) => {
      unanswered = `; the last answer: ${messageOf(error)}`
      return null
    })
    if (proof !== null) {
      await eraseLedger(world, entry.id)
      return proof
    }
    if (Date.now() > deadline)
      throw new Error(
        `fault ${entry.id} (${entry.kind} of ${entry.target}) does not heal: waited ${withinMs / 1000} s${unanswered}`,
      )
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
