// The door for writes before and during a planned switchover: open, holding, or forwarding. Pure; `nowMs` is passed in.
import type { z } from 'zod'
import type { drainRequest } from '#protocol/permit.ts'
import type { Region } from '#protocol/sites.ts'
import type { Authority } from './authority.ts'

export type DrainRequest = z.infer<typeof drainRequest>

/** `sinceEpoch`: the highest epoch known when the drain began. */
export type Drain = Readonly<{ request: DrainRequest; sinceEpoch: number; untilMs: number }>

/** What to do with a write now. */
export type Door =
  | { readonly kind: 'open' }
  /** To that region's app, which keeps it until it may write. */
  | { readonly kind: 'forward'; readonly to: Region; readonly untilMs: number }
  | { readonly kind: 'elsewhere'; readonly primary: Region }

/** A drain for an epoch below one that is known is refused. */
export function acceptDrain(authority: Authority, request: DrainRequest, nowMs: number): Drain | null {
  if (request.epoch < authority.epoch || request.forwardTo === authority.region) return null
  return { request, sinceEpoch: authority.epoch, untilMs: nowMs + request.holdMs }
}

export function doorFor(authority: Authority, drain: Drain | null, nowMs: number): Door {
  if (drain !== null && nowMs < drain.untilMs && !isOver(authority, drain)) {
    return { kind: 'forward', to: drain.request.forwardTo, untilMs: drain.untilMs }
  }
  const primary = authority.writeRegion?.region ?? null
  if (primary !== null && primary !== authority.region) return { kind: 'elsewhere', primary }
  return { kind: 'open' }
}

/** A later epoch than the drain began under, with another write region than the planned one, ends the drain. */
function isOver(authority: Authority, drain: Drain): boolean {
  const { writeRegion } = authority
  if (writeRegion === null || writeRegion.epoch <= drain.sinceEpoch) return false
  return writeRegion.region !== drain.request.forwardTo
}
