// The data-loss gate. With commit: quorum the fence itself guarantees that nothing acked is lost; this is for commit: async.
import { lsnToBigInt } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import { comparePositions } from './agent/history.ts'
import { lastPrimary } from './attempt.ts'
import type { State } from './state.ts'
import type { Fence, WeightedPromise } from './evidence.ts'
import { timings } from './settings.ts'

export type GateVerdict =
  { readonly open: true; readonly reason: string } | { readonly open: false; readonly reason: string }

/** How long the primary's positions are remembered, and how dense. */
const keepMs = 120_000
const sampleMs = 100

export function rememberWal(state: State, lsn: string, now: number): State['primaryWal'] {
  const last = state.primaryWal.at(-1)
  if (last !== undefined && now - last.heardMs < sampleMs) return state.primaryWal
  const kept =
    state.primaryWal[0] !== undefined && now - state.primaryWal[0].heardMs > keepMs
      ? state.primaryWal.slice(1)
      : state.primaryWal
  return [...kept, { heardMs: now, lsn }]
}

/**
 * The loss window, ms: `suspectedMs` minus the last time at which all that the primary had written (by its beats) was covered by
 * the candidate's position. A primary that was silent before it was suspected may have written all that time; a silence shorter than
 * that of a node which counts as heard is none. Infinity if its WAL never was covered, or if this controller has never heard of it.
 */
export function lossWindowMs(state: State, chosen: WeightedPromise, suspectedMs: number): number {
  const reached = lsnToBigInt(chosen.position.lsn)
  const covered = state.primaryWal.findLast((each) => lsnToBigInt(each.lsn) <= reached)
  if (covered === undefined) return lastPrimary(state.record?.record ?? null) === null ? 0 : Number.POSITIVE_INFINITY
  const windowMs = Math.max(0, suspectedMs - covered.heardMs)
  return covered === state.primaryWal.at(-1) && windowMs <= timings.heardMs ? 0 : windowMs
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
