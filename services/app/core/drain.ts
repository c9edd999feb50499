// The door for writes: open, holding, forwarding, or closed because another region is the write region. Pure; `nowMs` is passed in.
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
  /** Keep it: this region is to get the next epoch itself. */
  | { readonly kind: 'hold'; readonly untilMs: number }
  /** To that region's app, which keeps it until it may write. */
  | { readonly kind: 'forward'; readonly to: Region; readonly untilMs: number }
  | { readonly kind: 'elsewhere'; readonly primary: Region }

/** After the write region has moved away, writes that still come here are handed on for so long: whoever steers follows within it. */
export const handOnMs = 3000

/** Only a drain for an epoch above all that are known can still be meant. */
export function acceptDrain(authority: Authority, request: DrainRequest, nowMs: number): Drain | null {
  if (request.epoch <= authority.epoch) return null
  return { request, sinceEpoch: authority.epoch, untilMs: nowMs + request.holdMs }
}

/** A later epoch has its write region, whichever that is. */
export function isSuperseded(authority: Authority, drain: Drain): boolean {
  return authority.writeRegion !== null && authority.writeRegion.epoch > drain.sinceEpoch
}

/** A drain lasts until its time is up or a later epoch has its write region. */
export function isDraining(authority: Authority, drain: Drain | null, nowMs: number): drain is Drain {
  return drain !== null && nowMs < drain.untilMs && !isSuperseded(authority, drain)
}

/** @param movedUntilMs until when writes are handed on after the write region has moved away from here */
export function doorFor(authority: Authority, drain: Drain | null, movedUntilMs: number, nowMs: number): Door {
  if (isDraining(authority, drain, nowMs)) {
    const { forwardTo } = drain.request
    if (forwardTo === authority.region) return { kind: 'hold', untilMs: drain.untilMs }
    return { kind: 'forward', to: forwardTo, untilMs: drain.untilMs }
  }
  const primary = authority.writeRegion?.region ?? null
  if (primary === null || primary === authority.region) return { kind: 'open' }
  if (nowMs < movedUntilMs) return { kind: 'forward', to: primary, untilMs: movedUntilMs }
  return { kind: 'elsewhere', primary }
}
