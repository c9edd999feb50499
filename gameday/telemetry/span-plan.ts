// A span before it is one: times on the world's monotonic clock, so that plans can be made and tested without any SDK.
import type { TimelineEvent } from '#protocol/timeline.ts'

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>

export interface SpanPlan {
  readonly name: string
  readonly fromNs: bigint
  readonly toNs: bigint
  readonly attributes: Attributes
  readonly events: readonly TimelineEvent[]
  /** Why it failed; null: it did not. */
  readonly error: string | null
  readonly children: readonly SpanPlan[]
}

/** Gives each event to the child in whose time it lies, the last of them first; the rest are the parent's own. */
export function withEvents(parent: SpanPlan, events: readonly TimelineEvent[]): SpanPlan {
  const own: TimelineEvent[] = []
  const byChild = new Map<SpanPlan, TimelineEvent[]>(parent.children.map((child) => [child, []]))
  for (const event of events) {
    const at = BigInt(event.atNs)
    if (at < parent.fromNs || at > parent.toNs) continue
    const child = parent.children.findLast((each) => at >= each.fromNs && at <= each.toNs)
    const list = child === undefined ? own : byChild.get(child)
    list?.push(event)
  }
  const children = parent.children.map((child) => ({ ...child, events: byChild.get(child) ?? [] }))
  return { ...parent, events: own, children }
}
