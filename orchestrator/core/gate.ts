// The data-loss gate. With commit: quorum the fence itself guarantees that nothing acked is lost; this is for commit: async.
import { lsnToBigInt, type Position } from '#protocol/epoch.ts'
import { comparePositions } from './agent/history.ts'
import { lastPrimary } from './attempt.ts'
import type { State } from './state.ts'
import type { WeightedPromise } from './evidence.ts'

export type GateVerdict =
  { readonly open: true; readonly reason: string } | { readonly open: false; readonly reason: string }

/** How long the primary's positions are remembered, and how dense. */
const keepMs = 120_000
const sampleMs = 100

export function rememberWal(state: State, { epoch, lsn }: Position, now: number): State['primaryWal'] {
  const last = state.primaryWal.at(-1)
  if (last !== undefined && now - last.heardMs < sampleMs) return state.primaryWal
  // A node that was rewound since says less than it had written.
  if (last?.epoch === epoch && lsnToBigInt(lsn) < lsnToBigInt(last.lsn)) return state.primaryWal
  const kept =
    state.primaryWal[0] !== undefined && now - state.primaryWal[0].heardMs > keepMs
      ? state.primaryWal.slice(1)
      : state.primaryWal
  return [...kept, { heardMs: now, epoch, lsn }]
}

/**
 * The loss window, ms: `suspectedMs` minus the last time at which all that the primary had written (by its beats) was covered by
 * the candidate's position. Infinity if that never was, or if this controller has never heard of a position of the old primary, in
 * the last epoch that was active: those of an earlier one say nothing of it.
 */
export function lossWindowMs(state: State, chosen: WeightedPromise, suspectedMs: number): number {
  const record = state.record?.record ?? null
  if (lastPrimary(record) === null) return 0
  const last = record?.history.at(-1)?.epoch
  const known = state.primaryWal.filter((each) => each.epoch === last)
  const latest = known.at(-1)
  const covered = known.findLast((each) => comparePositions(each, chosen.position) <= 0)
  if (covered === undefined) return Number.POSITIVE_INFINITY
  if (covered === latest) return 0
  return Math.max(0, suspectedMs - covered.heardMs)
}

export function gate(state: State, chosen: WeightedPromise, suspectedMs: number, acceptDataLoss: boolean): GateVerdict {
  if (state.settings.commit === 'quorum')
    return { open: true, reason: 'a majority of promises holds every acked write' }
  const windowMs = lossWindowMs(state, chosen, suspectedMs)
  const window = Number.isFinite(windowMs) ? `${Math.round(windowMs)} ms` : 'of unknown length'
  if (windowMs <= state.settings.maxLossMs)
    return { open: true, reason: `the loss window is ${window}, at most ${state.settings.maxLossMs} ms are allowed` }
  if (state.settings.acceptDataLoss || acceptDataLoss)
    return { open: true, reason: `the loss window is ${window}; losing data was accepted by name` }
  return {
    open: false,
    reason: `the loss window is ${window}, at most ${state.settings.maxLossMs} ms are allowed; only accept-data-loss opens this gate`,
  }
}
