// Outages that neither a fault nor an order began: service was there, and broke down.
import type { FaultRecord, IncidentCause } from '#protocol/journal.ts'
import type { Area } from '#protocol/sites.ts'
import type { Cause, FaultEnd, FaultSpan } from './causes.ts'
import { measureIncident, type IncidentMeasured, type Scene } from './incidents.ts'
import { lateFromMs } from './collection.ts'
import { decidedMs, type ClientOperation } from './history.ts'
import { Service, windowMs } from './service.ts'

/** What comes back makes others wait for so long: containers start, replicas catch up. */
export const healAftermathMs = 30_000
/** One operation that fails is no outage. */
const leastFailed = 2

interface Breakdown {
  readonly area: Area
  readonly fromMs: number
  readonly toMs: number
}

/** Where service has been seen to be back and nothing else began yet. */
interface Zone {
  readonly fromMs: number
  readonly toMs: number
  /** It need not have been there yet at the beginning: the load has just begun. */
  readonly isFirst: boolean
  /** The load ends with it. */
  readonly isLast: boolean
}

function zonesOf(scene: Scene, incidents: readonly IncidentMeasured[], area: Area): readonly Zone[] {
  const { load } = scene
  const begins = incidents.map(({ cause, areas }) => ({
    fromMs: cause.t0Ms,
    toMs: areas.get(area)?.horizonMs ?? load.toMs,
  }))
  const firstMs = begins[0]?.fromMs ?? load.toMs
  const zones: Zone[] = [{ fromMs: load.fromMs, toMs: firstMs, isFirst: true, isLast: begins.length === 0 }]
  for (const [index, { toMs }] of begins.entries()) {
    const nextMs = begins[index + 1]?.fromMs ?? load.toMs
    if (toMs < nextMs)
      zones.push({ fromMs: toMs, toMs: nextMs, isFirst: false, isLast: begins[index + 1] === undefined })
  }
  return zones
}

/** Slow operations spread over less than a window, or a single failed one, are noise. */
function isOutage(service: Service, fromMs: number, toMs: number): boolean {
  const inside = service.operations.slice(service.indexAt(fromMs), service.indexAt(toMs, true))
  const failed = inside.filter(({ outcome }) => outcome !== 'ok').length
  return failed >= leastFailed || toMs - fromMs >= windowMs
}

/** What was under way when the next incident began belongs to that one; what the client was late with is not the service's. */
function inZone({ operations, thresholds }: Service, { fromMs, toMs, isLast }: Zone): readonly ClientOperation[] {
  return operations.filter((each) => {
    const { intendedMs, startedMs } = each
    const isInside = intendedMs >= fromMs && intendedMs < toMs && (isLast || decidedMs(each, thresholds.p99Ms) < toMs)
    return isInside && (startedMs ?? intendedMs) - intendedMs <= lateFromMs
  })
}

function breakdownsIn(whole: Service, area: Area, zone: Zone): readonly Breakdown[] {
  const service = new Service(inZone(whole, zone), whole.thresholds)
  const found: Breakdown[] = []
  let wasThere = !zone.isFirst
  let current: { fromMs: number; toMs: number } | null = null
  const close = (): void => {
    if (current !== null && isOutage(service, current.fromMs, current.toMs)) found.push({ area, ...current })
    current = null
  }
  for (const { first, end } of service.windows(zone.fromMs, zone.toMs)) {
    if (service.meetsBetween(first, end)) {
      wasThere = true
      close()
      continue
    }
    if (!wasThere) continue
    let [from, to] = [first, end - 1]
    while (from < to && !service.isBad(from)) from += 1
    while (to > from && !service.isBad(to)) to -= 1
    const fromMs = service.operations[from]?.intendedMs ?? zone.fromMs
    const toMs = service.operations[to]?.intendedMs ?? fromMs
    current = current === null ? { fromMs, toMs } : { fromMs: current.fromMs, toMs: Math.max(current.toMs, toMs) }
  }
  close()
  return found
}

/** What may have broken service down. */
export interface Suspects {
  /** Of all faults, background ones too: what comes back may disturb. */
  readonly ends: readonly FaultEnd[]
  /** Of faults that are not background, in order of their beginnings. */
  readonly inForce: readonly FaultSpan[]
  readonly originNs: bigint
}

function causeOf(fromMs: number, areas: ReadonlySet<Area>, suspects: Suspects): Cause {
  const { ends, inForce, originNs } = suspects
  const end = ends.findLast((each) => fromMs >= each.fromMs && fromMs <= each.toMs + healAftermathMs)
  const during = inForce.findLast((each) => fromMs >= each.fromMs && fromMs <= each.toMs)
  const where = [...areas].join(', ')
  const ofFault = <Kind extends IncidentCause>({ outside }: FaultRecord, kind: Kind): Kind | 'outside' =>
    outside ? 'outside' : kind
  const [kind, id, why] =
    end !== undefined
      ? ([ofFault(end.fault, 'heal'), `heal-of-${end.fault.id}`, `while ${end.fault.id} healed`] as const)
      : during !== undefined
        ? ([
            ofFault(during.fault, 'during'),
            `during-${during.fault.id}`,
            `while ${during.fault.id} was in force`,
          ] as const)
        : (['unexplained', 'unexplained', 'without a fault or an order'] as const)
  return {
    id,
    kind,
    title: `service broke down ${why} (${where})`,
    t0Ns: originNs + BigInt(Math.round(fromMs * 1e6)),
    t0Ms: fromMs,
    widthMs: 0,
    refused: false,
  }
}

/** One incident for breakdowns of several areas that overlap, and for what follows before service was back for good. */
export function breakdownIncidents(
  scene: Scene,
  incidents: readonly IncidentMeasured[],
  suspects: Suspects,
): readonly IncidentMeasured[] {
  const all = [...scene.services]
    .flatMap(([area, service]) => zonesOf(scene, incidents, area).flatMap((zone) => breakdownsIn(service, area, zone)))
    .toSorted((left, right) => left.fromMs - right.fromMs)
  const merged: { toMs: number; readonly areas: Set<Area>; readonly incident: IncidentMeasured }[] = []
  for (const { area, fromMs, toMs } of all) {
    const last = merged.at(-1)
    if (last !== undefined && fromMs <= Math.max(last.toMs, backForGoodMs(last.incident))) {
      last.toMs = Math.max(last.toMs, toMs)
      last.areas.add(area)
    } else {
      const areas = new Set([area])
      merged.push({ toMs, areas, incident: measureIncident(scene, causeOf(fromMs, areas, suspects)) })
    }
  }
  // Which areas it was is known in the end only; the times are those of its beginning.
  return merged.map(({ incident, areas }) => ({ ...incident, cause: causeOf(incident.cause.t0Ms, areas, suspects) }))
}

function backForGoodMs({ areas }: IncidentMeasured): number {
  return Math.max(...[...areas.values()].map(({ horizonMs }) => horizonMs))
}
