// The checks of every drill that are made from its record: what may never be, whatever the runbook demands.
import type { Check, FaultRecord, Journal } from '#protocol/journal.ts'
import { areas, regions } from '#protocol/sites.ts'
import { unplannedShare, type Account } from './collection.ts'
import { sinceMs } from './history.ts'
import type { IncidentMeasured } from './incidents.ts'
import { unreadWords } from './loss.ts'
import { formatMs, formatTiming } from './objectives.ts'
import { storeNames, type DrillRecord, type StoreAgreement } from './record.ts'

/** A fault that nobody could look at for longer may have been anything. */
const longestBlindMs = 10_000

/** The client's doing, or the harness's: what is above the share makes the service's figures worth nothing. */
export function loadAsPlanned({ areas }: Account): Check {
  const name = 'load as planned'
  const words = [...areas].flatMap(([area, { planned, missing, outside, late, shed, reason }]) => {
    const parts = [
      ...(outside === 0 ? [] : [`${outside} that were not planned`]),
      ...(missing === 0 ? [] : [`${missing} missing`]),
      ...(late === 0 ? [] : [`${late} late by the client`]),
      ...(shed === 0 ? [] : [`${shed} shed by the client`]),
    ]
    const share = planned === 0 ? 0 : (missing + late + shed) / planned
    const why = reason === null ? '' : `: ${reason}`
    return parts.length === 0
      ? []
      : [{ share, outside, text: `${area}: ${parts.join(', ')} of ${planned} (${(share * 100).toFixed(1)} %)${why}` }]
  })
  const isOver = words.some(({ share, outside }) => share > unplannedShare || outside > 0)
  const planned = [...areas.values()].reduce((sum, each) => sum + each.planned, 0)
  return {
    name,
    status: isOver ? 'unknown' : 'pass',
    reason: [`${planned} operations planned`, ...words.map(({ text }) => text)].join('; '),
  }
}

export function eachOperationOnce({ areas }: Account): Check {
  const repeated = [...areas].filter(([, each]) => each.repeated > 0)
  return {
    name: 'each operation once',
    status: repeated.length === 0 ? 'pass' : 'unknown',
    reason:
      repeated.length === 0
        ? 'no number was collected twice'
        : repeated.map(([area, each]) => `${each.repeated} of ${area} were collected twice`).join('; '),
  }
}

/** Reports may count from elsewhere, so it is said beside it. */
function sinceLoadMs({ load, originNs }: DrillRecord, ns: string | bigint): number {
  return sinceMs(load?.fromNs ?? originNs, ns)
}

function endedEarly(fault: FaultRecord, record: DrillRecord): string | null {
  const { id, endedNs, endedBy, healBeganNs } = fault
  if (endedNs === null || (healBeganNs !== null && BigInt(healBeganNs) <= BigInt(endedNs))) return null
  const at = (ns: string): string => `${formatMs(sinceLoadMs(record, ns))} into the load`
  const heal = healBeganNs === null ? 'nobody healed it' : `its heal began ${at(healBeganNs)}`
  return `${id} ended ${at(endedNs)} (${endedBy ?? 'by itself'}), ${heal}`
}

const nothingFromOutside = 'nothing from outside'

/** Made by the running drill: whether what others do to its world could be seen. What they did is told of the record. */
export function watchedForOutside(blindMs: number): Check {
  const name = nothingFromOutside
  if (blindMs > longestBlindMs)
    return { name, status: 'unknown', reason: `nobody could look at the world for ${formatMs(blindMs)}` }
  return { name, status: 'pass', reason: 'nobody else did anything to the world' }
}

/** `from 12.30 s to 20.10 s into the load`. */
export function spanIntoLoad({ firstNs, healedNs, momentary }: FaultRecord, loadFromNs: bigint): string {
  const at = (ns: string): string => formatMs(sinceMs(loadFromNs, ns))
  if (momentary) return `${at(firstNs)} into the load`
  return `from ${at(firstNs)} ${healedNs === null ? 'on' : `to ${at(healedNs)} into the load`}`
}

/** `docker-pause of app.a from 12.30 s to 20.10 s into the load (docker-pause.1)`. */
export function outsideWords({ load, originNs }: DrillRecord, fault: FaultRecord): string {
  const { kind, target, id } = fault
  return `${kind} of ${target} ${spanIntoLoad(fault, load?.fromNs ?? originNs)} (${id})`
}

export const deadWords = (name: string): string => `container ${name} does not run`

/**
 * Made by the running drill. A part of the harness that does not run, or what somebody else has killed, is not the service's failure.
 * @param missing what the world lacks of a fresh one, containers in the words of `deadWords`
 */
export function equalsFresh(missing: readonly string[], faults: readonly FaultRecord[]): Check {
  const name = 'the world equals a fresh one'
  if (missing.length === 0)
    return {
      name,
      status: 'pass',
      reason: 'roles as designed, every container runs, every replica streams, no fault left',
    }
  const harness = ['wan', ...areas.map((area) => `client.${area}`)]
  const struck = faults.filter(({ outside, healedNs }) => outside && healedNs === null)
  const others = new Set([...harness, ...struck.flatMap(({ target }) => target.split(', '))].map(deadWords))
  return { name, status: missing.every((each) => others.has(each)) ? 'unknown' : 'fail', reason: missing.join('; ') }
}

/** A drill in which somebody else broke something is not the drill that the runbook says. */
function nothingDoneFromOutside(record: DrillRecord, recorded: Check): Check {
  const found = record.faults.filter(({ outside }) => outside)
  if (found.length === 0) return recorded
  const told = found.map((each) => outsideWords(record, each)).join('; ')
  return { name: nothingFromOutside, status: 'unknown', reason: `not by this drill: ${told}` }
}

/** Checks of the running drill, where its record says otherwise. */
export function recordedChecks(record: DrillRecord): readonly Check[] {
  const read = storesRead(record)
  return record.checks.map((each) =>
    each.name === read?.name ? read : each.name === nothingFromOutside ? nothingDoneFromOutside(record, each) : each,
  )
}

/** It may have been in force, but nothing showed that it was: nobody's failure. */
function isUnproven({ endedNs, firstNs }: FaultRecord): boolean {
  return endedNs !== null && endedNs === firstNs
}

/** A fault that the runbook lets run out, by `for` and without a heal, ends as it should. */
export function faultsInForce(record: DrillRecord, healed: ReadonlySet<string>): Check {
  const own = record.faults.filter(({ outside }) => !outside)
  const lasting = own.filter(({ momentary }) => !momentary)
  const early = lasting.flatMap((fault) => {
    const isPlanned = !healed.has(fault.id) && fault.endedBy?.startsWith('its time was over') === true
    return isPlanned || isUnproven(fault) ? [] : (endedEarly(fault, record) ?? [])
  })
  const blind = lasting.filter(({ blindMs }) => blindMs > longestBlindMs)
  const unproven = own.filter(isUnproven)
  const unended = own.filter(
    ({ id, endedNs, healBeganNs }) => healed.has(id) && endedNs === null && healBeganNs === null,
  )
  const name = 'fault in force until its heal'
  if (early.length > 0) return { name, status: 'fail', reason: early.join('; ') }
  if (unproven.length > 0)
    return { name, status: 'unknown', reason: unproven.map(({ id, endedBy }) => `${id}: ${endedBy}`).join('; ') }
  if (unended.length > 0)
    return { name, status: 'unknown', reason: `no heal is recorded of ${unended.map(({ id }) => id).join(', ')}` }
  if (blind.length > 0)
    return {
      name,
      status: 'unknown',
      reason: blind.map(({ id, blindMs }) => `nobody could look at ${id} for ${formatMs(blindMs)}`).join('; '),
    }
  return {
    name,
    status: 'pass',
    reason: lasting.length === 0 ? 'no fault lasts' : lasting.map(({ id }) => id).join(', '),
  }
}

/** What every drill that was not interrupted has looked at, or seen by the end of its load. */
const afterwards = [nothingFromOutside, 'every store was read', 'the world equals a fresh one'] as const

/** Checks that the record should have, and has not. */
export function unrecorded({ interruption, checks }: DrillRecord): readonly Check[] {
  if (interruption !== null) return []
  return afterwards
    .filter((name) => checks.every((each) => each.name !== name))
    .map((name) => ({ name, status: 'unknown', reason: 'the record does not have it' }))
}

/** By the final reads themselves, whatever the drill took to be every region. */
function storesRead({ finalReads, interruption, checks }: DrillRecord): Check | null {
  const recorded = checks.find(({ name }) => name === 'every store was read')
  const unread = [
    finalReads.postgres === null ? 'Postgres of the primary was not read' : null,
    unreadWords(finalReads, 'kafka'),
    unreadWords(finalReads, 'redis'),
  ].filter((each) => each !== null)
  if (recorded === undefined || recorded.status !== 'pass' || unread.length === 0) return recorded ?? null
  return { ...recorded, status: interruption === null ? 'fail' : 'unknown', reason: unread.join('; ') }
}

/** @param allowed by the objective `unexplained-incidents` */
export function noUnexplainedOutage(
  record: DrillRecord,
  incidents: readonly IncidentMeasured[],
  allowed: number,
): Check {
  const all = incidents.filter(({ cause }) => cause.kind === 'unexplained')
  const name = 'no unexplained outage'
  const told = all.map(
    ({ cause, restored }) =>
      `${cause.id}: ${cause.title} ${formatMs(sinceLoadMs(record, cause.t0Ns))} into the load, restored ${formatTiming(restored)}`,
  )
  const known = all.filter(({ restored }) => restored.unknown === null)
  const status = known.length > allowed ? 'fail' : all.length > allowed ? 'unknown' : 'pass'
  return { name, status, reason: told.join('; ') || 'every outage began with a fault, an order or a heal' }
}

function agreementOf({ differing, unread, regions: compared }: StoreAgreement): Check['status'] {
  if (differing > 0 && unread === null) return 'fail'
  return unread !== null || compared.length < regions.length ? 'unknown' : 'pass'
}

const orderId = /\border ([\w-]+)/

/**
 * Row by row, whatever clients were told. None where nothing was compared since the drill was interrupted.
 * @param gone orders that Postgres lost, or threw away in a rewind: with `commit: async` their events and projections may be there
 * all the same, in any region
 */
export function storesAgree({ agreement, interruption }: DrillRecord, gone: ReadonlySet<string>): readonly Check[] {
  const name = 'stores of all regions agree'
  if (agreement.length === 0 && interruption !== null) return []
  const isOfGone = (difference: string): boolean => gone.has(orderId.exec(difference)?.[1] ?? '')
  const isExplained = ({ store, regions: compared, differing, differences }: StoreAgreement): boolean =>
    store !== 'postgres' && differing > 0 && differing <= gone.size * compared.length && differences.every(isOfGone)
  const states = agreement.map((each) => (isExplained(each) ? 'pass' : agreementOf(each)))
  const absent = storeNames.filter((store) => agreement.every((each) => each.store !== store))
  if (absent.length > 0) states.push('unknown')
  const status = (['fail', 'unknown', 'pass'] as const).find((each) => states.includes(each)) ?? 'unknown'
  const told = agreement.map((each) => {
    const { store, regions: compared, rows, differing, differences, unread } = each
    if (unread !== null) return `${store}: not compared: ${unread}`
    const head = `${store} of ${compared.join(', ')}: ${rows} rows`
    if (differing === 0) return `${head} agree`
    if (isExplained(each)) return `${head}, ${differing} of orders that Postgres lost`
    return `${head}, ${differing} differ: ${differences.slice(0, 3).join('; ')}`
  })
  const reason = [...told, ...absent.map((store) => `${store}: not compared`)].join('; ')
  return [{ name, status, reason }]
}

/** Why the number of false failovers is not known; null: it is. */
export function unheardWords({ unheard }: DrillRecord, found: Journal['falseFailovers']): string | null {
  if (found !== null && found > 0) return null
  return unheard.length === 0 ? null : `events were not read to their end: ${unheard.join('; ')}`
}
