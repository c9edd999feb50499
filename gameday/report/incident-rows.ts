// Incidents as rows, the same figures on the screen, in HTML and in Markdown. Pure.
import type { Incident, Journal } from '#protocol/journal.ts'
import { formatMeasured, formatMs, isOfDrill } from '../measure/objectives.ts'
import { clockOf } from './clock.ts'
import { figureOf, lostOf, restoredOf, type Figure } from './figures.ts'
import { many } from './words.ts'

export interface IncidentRow {
  readonly incident: Incident
  /** Cause and title. */
  readonly what: string
  /** t0 on the report's clock. */
  readonly at: string
  readonly firstWrite: Figure
  readonly restored: Figure
  readonly gap: Figure
  readonly failed: Figure
  readonly lost: Figure
  readonly splitBrain: Figure
}

export function incidentRows(journal: Journal): readonly IncidentRow[] {
  const { secondsOf } = clockOf(journal)
  return journal.incidents.map((incident, index) => {
    const path = `incidents[${index}]`
    const of = (name: string, value: number | null, format?: (value: number) => string): Figure =>
      figureOf(journal, `${path}.${name}`, value, format)
    return {
      incident,
      what: `${incident.cause}: ${incident.title}`,
      at: formatMs(secondsOf(incident.t0.ns) * 1000),
      firstWrite: of('firstWriteMs', incident.firstWriteMs, (value) =>
        formatMeasured(value, incident.firstWriteResolutionMs, 'lessShort'),
      ),
      restored: restoredOf(journal, path, incident, true),
      gap: of('longestGapMs', incident.longestGapMs, (value) =>
        incident.longestGapOpen
          ? `${formatMs(value)}, still open`
          : formatMeasured(value, incident.longestGapResolutionMs, 'lessShort'),
      ),
      failed: of('failed', incident.failed),
      lost: lostOf(journal, `${path}.rpo`, incident.rpo),
      splitBrain: of('splitBrain.count', incident.splitBrain.count),
    }
  })
}

/** `worst of 3 incidents: two`; empty where there are not several. Failbacks have figures of their own. */
export function worstText({ incidents, rto }: Journal): string {
  const judged = incidents.filter(({ cause }) => isOfDrill(cause))
  if (judged.length === 0 || incidents.length < 2 || rto.incident === null) return ''
  const aside = [
    ...(incidents.some(({ cause }) => cause === 'failback') ? [', failbacks aside'] : []),
    ...(incidents.some(({ cause }) => cause === 'outside') ? [', those from outside aside'] : []),
  ].join('')
  return judged.length === 1 ? rto.incident : `worst of ${many(judged.length, 'incident')}${aside}: ${rto.incident}`
}
