// Link settings as layers: base, then changes in order of arrival. Pure; time is passed in.
import { baseDelayMs, regions, type LinkClass, type Site } from '#protocol/sites.ts'
import type { LinkChange, LinkSetting } from '#protocol/wan.ts'

/** All that a packet of one class on one directed link meets. */
export interface EffectiveSetting extends Required<{
  [Field in keyof LinkSetting]-?: NonNullable<LinkSetting[Field]>
}> {
  /** The bandwidth was set for this class alone, so the class has a queue of its own. */
  readonly ownBandwidth: boolean
}

/** A change that has not been healed. */
export interface Layer {
  readonly change: LinkChange
  /** Monotonic milliseconds of its arrival: its turns are counted from here. */
  readonly sinceMs: number
  /** Monotonic milliseconds; null if it stays until it is healed. */
  readonly expiresAtMs: number | null
}

/** Changes with this id lie below all others. */
export const baseId = 'base'

function sameTarget(left: LinkChange, right: LinkChange): boolean {
  const key = (change: LinkChange): string =>
    JSON.stringify([change.id, [...change.from].sort(), [...change.to].sort(), change.class ?? null])
  return key(left) === key(right)
}

/** The layers with `changes` added on top. A change of the same id, links and class replaces the earlier one. */
export function addLayers(layers: readonly Layer[], changes: readonly LinkChange[], nowMs: number): readonly Layer[] {
  return changes.reduce<readonly Layer[]>(
    (all, change) => [
      ...all.filter((layer) => !sameTarget(layer.change, change)),
      {
        change,
        sinceMs: nowMs,
        expiresAtMs: change.expiresInMs === undefined ? null : nowMs + change.expiresInMs,
      },
    ],
    layers,
  )
}

export function removeLayers(layers: readonly Layer[], id: string): readonly Layer[] {
  return layers.filter((layer) => layer.change.id !== id)
}

/** Those with this id expire then; one that stays until it is healed stays so. */
export function renewLayers(layers: readonly Layer[], id: string, expiresAtMs: number): readonly Layer[] {
  return layers.map((layer) =>
    layer.change.id === id && layer.expiresAtMs !== null ? { ...layer, expiresAtMs } : layer,
  )
}

export function withoutExpired(layers: readonly Layer[], nowMs: number): readonly Layer[] {
  return layers.filter((layer) => layer.expiresAtMs === null || layer.expiresAtMs > nowMs)
}

/** The layers that count now: not expired, and those that take turns only in their turn. */
export function inForce(layers: readonly Layer[], nowMs: number): readonly Layer[] {
  return withoutExpired(layers, nowMs).filter(({ change: { turns }, sinceMs }) => {
    return turns === undefined || (nowMs - sinceMs) % (turns.onMs + turns.offMs) < turns.onMs
  })
}

/** Monotonic milliseconds at which other layers are in force than now; null if that time is not to come. */
export function nextTurnMs(layers: readonly Layer[], nowMs: number): number | null {
  const times = layers.flatMap(({ change: { turns }, sinceMs, expiresAtMs }) => {
    const expiry = expiresAtMs === null ? [] : [expiresAtMs]
    if (turns === undefined) return expiry
    const sinceTurnMs = (nowMs - sinceMs) % (turns.onMs + turns.offMs)
    const turnMs = sinceTurnMs < turns.onMs ? turns.onMs : turns.onMs + turns.offMs
    return [...expiry, nowMs + turnMs - sinceTurnMs]
  })
  return times.length === 0 ? null : Math.min(...times)
}

/**
 * Whether all links of class `control` from the site to the other regions are down, by faults or by a fence of its own. Fences of
 * the others don't count: were they all cut off, the only region that is left could never give them their links back.
 */
export function isControlCut(layers: readonly Layer[], fenced: ReadonlySet<Site>, site: Site): boolean {
  const ownFence = new Set(fenced.has(site) ? [site] : [])
  return regions
    .filter((region) => region !== site)
    .every((region) => !effectiveSetting(layers, ownFence, site, region, 'control').up)
}

/**
 * The setting that holds for one class on one directed link: later changes win field by field, and a change for the class wins
 * over one for all traffic. `fenced` sites have every link down, whatever the layers say.
 */
export function effectiveSetting(
  layers: readonly Layer[],
  fenced: ReadonlySet<Site>,
  from: Site,
  to: Site,
  linkClass: LinkClass,
): EffectiveSetting {
  const matching = layers
    .map((layer) => layer.change)
    .filter((change) => change.from.includes(from) && change.to.includes(to))
  const ordered = [
    ...matching.filter((change) => change.id === baseId),
    ...matching.filter((change) => change.id !== baseId),
  ]
  const forAll = ordered.filter((change) => change.class === undefined).map((change) => change.set)
  const forClass = ordered.filter((change) => change.class === linkClass).map((change) => change.set)
  const setting = {
    up: true,
    delayMs: baseDelayMs(from, to),
    jitter: 0,
    loss: 0,
    reorder: 0,
    bandwidthBps: 0,
  }
  for (const set of [...forAll, ...forClass]) {
    Object.assign(setting, Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)))
  }
  const cut = fenced.has(from) || fenced.has(to)
  return {
    ...setting,
    up: setting.up && !cut,
    ownBandwidth: forClass.some((set) => set.bandwidthBps !== undefined),
  }
}
