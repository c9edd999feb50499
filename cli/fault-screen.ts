// Faults for people: what `status`, `chaos status` and `chaos list` print.
import type { FaultDescription, FaultParameter } from '#gameday/fault-words.ts'
import { manualDrill, type FenceState, type LedgerEntry, type LinkChange } from '#protocol/wan.ts'

/** Columns as wide as their widest cell; the last one ends where its text does. */
export function textColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Whole seconds, or minutes where seconds say nothing. */
export function roughly(ms: number): string {
  return ms < 180_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
}

/** @param nowNs the WAN's clock; null if it could not be asked */
export function faultRow(entry: LedgerEntry, nowNs: string | null): readonly string[] {
  const msUntil = (ns: string): number => Number(BigInt(ns) - BigInt(nowNs ?? ns)) / 1e6
  const leftMs = msUntil(entry.expiresNs)
  // Its drill moves its end on while it lives.
  const left = entry.leased === true ? 'until it is healed' : `${roughly(leftMs)} left`
  return [
    entry.id,
    `${entry.kind} of ${entry.target}`,
    nowNs === null ? '' : `since ${roughly(-msUntil(entry.injectedNs))}`,
    nowNs === null ? '' : leftMs > 0 ? left : 'its time is over',
    entry.drill === manualDrill ? 'by hand' : `drill ${entry.drill}`,
  ]
}

export function linkRow(change: LinkChange): readonly string[] {
  const settings = Object.entries(change.set).map(([name, value]) => `${name} ${String(value)}`)
  return [
    change.id,
    `${change.from.join(',')} -> ${change.to.join(',')}${change.class === undefined ? '' : ` (${change.class})`}`,
    settings.join(', '),
    change.expiresInMs === undefined ? 'until it is healed' : `${roughly(change.expiresInMs)} left`,
  ]
}

export function fenceLine({ broken, dataSets }: FenceState): string {
  const cut = dataSets.flatMap((each) => each.fenced.map((region) => `region ${region} (${each.dataSet})`))
  const fenced = cut.length === 0 ? 'nobody is fenced' : `fenced: ${cut.join(', ')}`
  return `fence device: ${broken === null ? 'works' : `broken (${broken})`}; ${fenced}`
}

/** @param notOffered kinds that are not done, and why */
export function faultListScreen(
  faults: readonly FaultDescription[],
  lasting: FaultParameter,
  notOffered: Readonly<Record<string, string>>,
): string {
  const blocks = faults.map(({ kind, summary, target, parameters, healedBy }) => {
    const rows = [
      ['target', target],
      ...parameters.map((each) => [each.name, `${each.expected}${noteOf(each)}`]),
      ['healed by', healedBy],
    ]
    return [`${kind}: ${summary}`, ...textColumns(rows).map((line) => `  ${line}`)].join('\n')
  })
  const missing = Object.entries(notOffered).map(([kind, reason]) => `not offered: ${kind}: ${reason}`)
  return [
    ...blocks,
    `each lasts at most --for (in a runbook: for), ${lasting.expected}${noteOf(lasting)}`,
    ...missing,
  ].join('\n\n')
}

function noteOf(parameter: FaultParameter): string {
  if (parameter.default !== null) return ` (default ${parameter.default})`
  return parameter.required ? ' (required)' : ''
}
