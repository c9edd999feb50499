// The moments that the report's maps show: before anything was done, while the worst incident's fault lasted, and at the end. Pure.
import type { Journal } from '#protocol/journal.ts'
import type { Sample } from '#protocol/sample.ts'

export interface Scene {
  readonly title: string
  readonly atNs: bigint
  /** The nearest one. */
  readonly sample: Sample
}

function nearest(samples: readonly Sample[], atNs: bigint): Sample | null {
  const distance = (ns: string): bigint => (BigInt(ns) > atNs ? BigInt(ns) - atNs : atNs - BigInt(ns))
  return samples.reduce<Sample | null>(
    (best, each) => (best === null || distance(each.atNs) < distance(best.atNs) ? each : best),
    null,
  )
}

/** A moment before its heal, or its end. Null: it had none of its own. */
function duringFault({ faults, loadNs, restoredUntilNs, t0 }: Journal): { title: string; atNs: bigint } | null {
  const fault =
    faults.find((each) => !each.background && each.firstNs === t0?.ns) ??
    faults.find((each) => !each.background) ??
    faults[0]
  if (fault === undefined || loadNs === null) return null
  const lastNs = BigInt(fault.endedNs ?? fault.healBeganNs ?? restoredUntilNs ?? fault.healedNs ?? loadNs.to)
  if (lastNs <= BigInt(fault.firstNs)) return null
  return { title: `During ${fault.kind} of ${fault.target}`, atNs: lastNs - 500_000_000n }
}

/** Empty without load or without samples. */
export function scenesOf(journal: Journal, samples: readonly Sample[]): readonly Scene[] {
  if (journal.loadNs === null) return []
  const moments = [
    { title: 'Before', atNs: BigInt(journal.t0?.ns ?? journal.loadNs.to) - 1_000_000_000n },
    duringFault(journal),
    { title: 'At the end', atNs: BigInt(samples.at(-1)?.atNs ?? journal.loadNs.to) },
  ]
  return moments.flatMap((moment) => {
    const sample = moment === null ? null : nearest(samples, moment.atNs)
    return moment === null || sample === null ? [] : [{ ...moment, sample }]
  })
}
