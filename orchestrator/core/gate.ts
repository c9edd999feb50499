// The data-loss gate. With commit: quorum the fence itself guarantees that nothing acked is lost; this is for commit: async.
import { lsnToBigInt, type Position } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import { comparePositions } from './agent/history.ts'
import { lastPrimary } from './attempt.ts'
import type { State } from './state.ts'
import type { Fence, WeightedPromise } from './evidence.ts'

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
 * the last epoch that was active or later: those of an earlier one say nothing of it.
 */
export function lossWindowMs(state: State, chosen: WeightedPromise, suspectedMs: number): number {
  const record = state.record?.record ?? null
  if (lastPrimary(record) === null) return 0
  const last = record?.history.at(-1)?.epoch ?? 0
  const known = state.primaryWal.filter((each) => each.epoch >= last)
  const covered = known.findLast((each) => comparePositions(each, chosen.position) <= 0)
  if (covered === undefined) return Number.POSITIVE_INFINITY
  return covered === known.at(-1) ? 0 : Math.max(0, suspectedMs - covered.heardMs)
}

/**
 * @param fence with the promises that the choice was made from: with the old primary's own among them, nothing that it acked can be
 * missing. Over an epoch that was only claimed, whoever has not promised may have been its primary.
 */
export function gate(
  state: State,
  { claim, promises }: Fence,
  chosen: WeightedPromise,
  suspectedMs: number,
  acceptDataLoss: boolean,
): GateVerdict {
  if (state.settings.commit === 'quorum')
    return { open: true, reason: 'a majority of promises holds every acked write' }
  const old = lastPrimary(state.record?.record ?? null)
  const isMissing = (region: Region): boolean => !promises.some((each) => each.region === region)
  const isUnknown =
    claim.replaced === 'claimed' && state.settings.regions.some((each) => each !== old && isMissing(each))
  if (
    !isUnknown &&
    promises.some((each) => each.region === old && comparePositions(each.position, chosen.position) <= 0)
  )
    return { open: true, reason: `all that ${old} has written is there` }
  const windowMs = isUnknown ? Number.POSITIVE_INFINITY : lossWindowMs(state, chosen, suspectedMs)
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
