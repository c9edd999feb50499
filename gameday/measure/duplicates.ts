// Events that a region got more than once, and events that it applied more than once.

/** What one region's Kafka and Redis say after the drill. */
export interface RegionEvents {
  /** Event ids of all records since the drill began, as read. */
  readonly eventIds: readonly string[]
  /** Value of the projection's counter of applied events, and the size of its set of applied ids; null: not read. */
  readonly applied: { readonly count: number; readonly distinct: number } | null
}

export interface Duplicates {
  readonly delivered: number | null
  readonly appliedTwice: number | null
}

/** Delivered twice is expected of an at-least-once bus; applied twice must be 0. Both are summed over the regions. */
export function duplicates(regions: readonly RegionEvents[]): Duplicates {
  const delivered = regions.reduce((sum, each) => sum + each.eventIds.length - new Set(each.eventIds).size, 0)
  const applied = regions.map((each) => each.applied)
  const appliedTwice = applied.some((each) => each === null)
    ? null
    : applied.reduce((sum, each) => sum + Math.max(0, (each?.count ?? 0) - (each?.distinct ?? 0)), 0)
  return regions.length === 0 ? { delivered: null, appliedTwice: null } : { delivered, appliedTwice }
}
