// Whether a record's operations are those that its seed draws: numbers, times and kinds are known without the client.
import { arrivals, type Arrival } from '#runtime/arrivals.ts'
import { planFor } from '../load.ts'
import type { DrillRecord } from '../measure/record.ts'

/** One sentence for each area whose planned number, or whose operations, are not as the load was drawn; none without a load. */
export function notAsDrawn({ load, runbook, drill, seed, operations }: DrillRecord): readonly string[] {
  if (load === null) return []
  const plan = planFor(runbook, drill, seed, load.fromNs)
  const byArea = Map.groupBy(operations, ({ area }) => area)
  return runbook.load.from.flatMap((area) => {
    const drawn: Arrival[] = []
    for (const arrival of arrivals(plan, area)) {
      if (load.fromNs + arrival.offsetNs >= load.toNs) break
      drawn.push(arrival)
    }
    const planned = load.areas[area]?.planned
    const others = (byArea.get(area) ?? []).filter(({ seq, intendedNs, kind }) => {
      const arrival = drawn[seq]
      // Where there is no order yet that could be read, a read becomes a write.
      const isOther = arrival === undefined || (arrival.kind === 'write' && kind === 'read')
      return isOther || BigInt(intendedNs) !== load.fromNs + arrival.offsetNs
    })
    return [
      ...(planned === undefined || planned === drawn.length
        ? []
        : [`${area}: record.json says ${planned} operations were planned, the seed draws ${drawn.length}`]),
      ...(others.length === 0
        ? []
        : [
            `${area}: ${others.length} operations are not what the seed draws, the first of them number ${others[0]?.seq}`,
          ]),
    ]
  })
}
