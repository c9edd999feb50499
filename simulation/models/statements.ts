// What the app's SQL does in one Postgres: see services/app/write-order.ts and postgres-monitor.ts.
import type { Attempt } from '#services/app/core/acknowledge.ts'
import type { CommitMode } from '#protocol/topology.ts'
import type { CommitEnd, Postgres } from './postgres.ts'

export interface Looked {
  readonly isPrimary: boolean
  readonly epoch: number
  readonly region: number
  readonly vouchingEpoch: number
}

/** Null: Postgres is down. */
export function lookAt(postgres: Postgres): Looked | null {
  if (!postgres.isUp) return null
  const { epoch, region } = postgres.seenEpoch
  return { isPrimary: postgres.role === 'primary', epoch, region, vouchingEpoch: postgres.vouchingEpoch }
}

/** The row of the epoch that counts: the latest that is seen, or the one whose followers vouch. */
function currentEpoch(postgres: Postgres, site: number): { readonly epoch: number; readonly region: number } {
  const vouching = postgres.vouchingEpoch
  const seen = postgres.seenEpoch
  return vouching > seen.epoch ? { epoch: vouching, region: site } : seen
}

/** An order and its event in one transaction; a known key is touched, so that the retry makes a quorum commit of its own. */
export function writeOrder(
  postgres: Postgres,
  write: { readonly key: string; readonly site: number; readonly commit: CommitMode },
  committing: () => void,
  answer: (attempt: Attempt) => void,
): void {
  const { key, site, commit } = write
  const fail = (reason: string): void => answer({ kind: 'before-commit', reason })
  if (!postgres.isUp || postgres.role !== 'primary') return fail('Postgres is no primary')
  const current = currentEpoch(postgres, site)
  if (current.region !== site || current.epoch === 0) return fail('Postgres has not begun an epoch of its own')
  if (commit === 'quorum' && postgres.standbyNames === '') return fail('the primary names no synchronous standbys')
  const others = postgres.pending.get(key)
  // Another session is about to commit the same key: ON CONFLICT waits for it.
  if (others !== undefined) {
    others.push(() => writeOrder(postgres, write, committing, answer))
    return
  }
  const isNew = !postgres.rows.has(key)
  const record = postgres.insert(isNew ? 'write' : 'touch', [key], current.epoch)
  postgres.transactionCount += 1
  const transaction = postgres.transactionCount
  postgres.openTransactions.add(transaction)
  if (isNew) postgres.pending.set(key, [])
  committing()
  postgres.commit(record, (end: CommitEnd) => {
    postgres.openTransactions.delete(transaction)
    const waiting = postgres.pending.get(key) ?? []
    if (isNew) postgres.pending.delete(key)
    if (end === 'broken') answer({ kind: 'commit-unanswered', reason: 'the connection ended unexpectedly' })
    else answer({ kind: 'committed', id: key, epoch: current.epoch, isNew, unvouched: end === 'unvouched' })
    for (const next of waiting) next()
  })
}

export function commitProbe(postgres: Postgres, answer: (isVouched: boolean) => void): void {
  if (!postgres.isUp || postgres.role !== 'primary') return answer(false)
  const record = postgres.insert('probe', [], currentEpoch(postgres, postgres.site).epoch)
  postgres.commit(record, (end) => answer(end === 'vouched'))
}
