// What people call a figure that the journal knows by its path.
import type { Journal } from '#protocol/journal.ts'
import { storeLabels } from './words.ts'

const storeNamed = (name = ''): string => new Map<string, string>(Object.entries(storeLabels)).get(name) ?? name

const names: readonly (readonly [RegExp, (...found: readonly string[]) => string])[] = [
  [/^firstWriteMs$/, () => 'first write'],
  [/^restoredMs$/, () => 'restored'],
  [/^longestGapMs$/, () => 'longest gap'],
  [/^failed$/, () => 'failed requests'],
  [/^areas\.(\w+)\.firstWriteMs$/, (_, area) => `first write from ${area}`],
  [/^areas\.(\w+)\.restoredMs$/, (_, area) => `restored from ${area}`],
  [/^rto\.(.+)$/, (_, rest = '') => `RTO ${own(rest)}`],
  [/^outage\.longestMs$/, () => 'longest gap'],
  [/^failback\.outageMs$/, () => 'failback gap'],
  [/^failback\.failed$/, () => 'failback failed'],
  [/^rpo\.(\w+)(\.lostCount)?$/, (_, store) => `lost in ${storeNamed(store)}`],
  [/^rpo\.(\w+)\.windowMs$/, (_, store) => `RPO window of ${storeNamed(store)}`],
  [/^splitBrain(\.\w+)?$/, () => 'split brain'],
  [/^requests(\.\w+)?$/, () => 'requests'],
  [/^duplicates\.delivered$/, () => 'events delivered twice'],
  [/^duplicates\.appliedTwice$/, () => 'events applied twice'],
  [/^falseFailovers$/, () => 'false failovers'],
  [/^staleReads$/, () => 'stale reads'],
]

function own(path: string): string {
  for (const [pattern, name] of names) {
    const found = pattern.exec(path)
    if (found !== null) return name(...found)
  }
  return path
}

/** `RTO restored`; `restored (two)` of an incident; the path itself where there is no better name. */
export function nameOfFigure({ incidents }: Pick<Journal, 'incidents'>, path: string): string {
  const [, index, rest] = /^incidents\[(\d+)\]\.(.+)$/.exec(path) ?? []
  const incident = index === undefined ? undefined : incidents[Number(index)]
  return incident === undefined || rest === undefined ? own(path) : `${own(rest)} (${incident.id})`
}
