// What the comparisons of the stores have in common: whose copies, how long, and what becomes of a store that can't be read.
import { regions, type Region } from '#protocol/sites.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { StoreAgreement } from '../measure/record.ts'
import { Interrupted, throwIfInterrupted, untilAnswered } from '../wait.ts'
import type { Differences } from './differences.ts'
import type { RegionPostgres, Row, StoresOf } from './region-postgres.ts'

export interface Comparing {
  readonly world: StoresOf
  readonly primary: Region | null
  readonly live: readonly Region[]
  /** With asynchronous commits, drills before this one may have lost orders whose projections are still there: those under epochs below it. */
  readonly lostBelowEpoch: number | null
  /** A question that fails is asked again for so long. */
  readonly answerWithinMs: number
  /** What differs is looked at again for so long in all, by store. */
  readonly settleWithinMs: number
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

export const noPrimary = 'no region is primary in an active epoch'

/** A sentence for each region that does not run. */
export function absent(live: readonly Region[]): readonly string[] {
  return regions
    .filter((region) => !live.includes(region))
    .map((region) => `region ${region} is not live: none of its containers runs`)
}

/** @throws Interrupted, before the question as well */
export async function asked(
  { answerWithinMs, signal, note }: Comparing,
  ...question: Question
): Promise<readonly Row[]> {
  const [postgres, text, values] = question
  throwIfInterrupted(signal)
  return untilAnswered(() => postgres.ask(text, values), answerWithinMs, signal, note).catch((error: unknown) => {
    throw notRead(`Postgres of ${postgres.region}`, error)
  })
}

/** The error with the store's name; an interruption as it is. */
export function notRead(store: string, error: unknown): Error {
  return error instanceof Interrupted
    ? error
    : new Error(`${store} was not read: ${messageOf(error)}`, { cause: error })
}

type Question = readonly [postgres: RegionPostgres, text: string, values?: readonly unknown[]]

/** What a comparison fills in while it goes on. */
export interface Compared {
  regions: readonly Region[]
  rows: number
  readonly differences: Differences
  /** Why a region, or all, could not be compared. */
  readonly unread: string[]
}

/** Runs a comparison, and never rejects: what was found before it broke off, by Ctrl-C too, is kept. */
export async function agreementOf(
  store: StoreAgreement['store'],
  compared: Compared,
  compare: () => Promise<void>,
): Promise<StoreAgreement> {
  try {
    await compare()
  } catch (error) {
    compared.unread.push(messageOf(error))
  }
  const { regions, rows, differences, unread } = compared
  const reason = unread.length === 0 ? null : unread.join('; ')
  return { store, regions, rows, differing: differences.count, differences: differences.sentences, unread: reason }
}
