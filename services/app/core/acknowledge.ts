// May this write be acknowledged, and if not, what may be said of it? Pure.
import type { CommitMode } from '#protocol/topology.ts'

/** What happened to one attempt at a write, as far as the app can know. */
export type Attempt =
  /** Refused before anything was sent: not here, pool full, draining too long. */
  | { readonly kind: 'not-tried'; readonly reason: string }
  /** An error or a time-out before COMMIT was sent; the app will never send it. */
  | { readonly kind: 'before-commit'; readonly reason: string }
  /** The idempotency key is known, with another body. Nothing was written. */
  | { readonly kind: 'key-reused' }
  /** COMMIT was sent, and no answer came: an error, a lost connection, a time-out. */
  | { readonly kind: 'commit-unanswered'; readonly reason: string }
  /** COMMIT was answered with success. */
  | {
      readonly kind: 'committed'
      readonly id: string
      readonly epoch: number
      readonly isNew: boolean
      /** Postgres warned that it stopped waiting for its standbys. */
      readonly unvouched: boolean
    }

export type Verdict =
  | { readonly outcome: 'ok'; readonly status: 200 | 201; readonly id: string; readonly epoch: number }
  | {
      readonly outcome: 'failed' | 'unknown'
      readonly status: 409 | 503 | 504
      readonly error: string
      readonly reason: string
    }

/**
 * `commit: quorum`: the commit itself vouches. `commit: async`: the permit does, and it must still be valid after COMMIT
 * returned, for the very epoch that the row carries.
 *
 * @param permittedEpoch epoch of the permit that is valid now; null without one
 */
export function judge(attempt: Attempt, commit: CommitMode, permittedEpoch: number | null): Verdict {
  if (attempt.kind === 'key-reused') {
    const reason = 'expected the same body as when this idempotency key was first used, saw another one'
    return { outcome: 'failed', status: 409, error: 'key-reused', reason }
  }
  if (attempt.kind === 'commit-unanswered') return unknown(attempt.reason)
  if (attempt.kind !== 'committed') {
    return { outcome: 'failed', status: 503, error: 'not-done', reason: attempt.reason }
  }
  if (commit === 'quorum' && attempt.unvouched)
    return unknown('the commit stopped waiting for its standbys: nobody has vouched for it')
  if (commit === 'async' && permittedEpoch !== attempt.epoch)
    return unknown(`the permit for epoch ${attempt.epoch} ran out before the commit returned`)
  return { outcome: 'ok', status: attempt.isNew ? 201 : 200, id: attempt.id, epoch: attempt.epoch }
}

function unknown(reason: string): Verdict {
  return { outcome: 'unknown', status: 504, error: 'unknown', reason }
}
