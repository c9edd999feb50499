// Distributions: n, min, median, max. No percentile of few runs is given.

export interface Distribution {
  readonly n: number
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Values that were not measured are left out, and so lower n. Null if none is left. */
export function distribution(values: readonly (number | null)[]): Distribution | null {
  const sorted = values.filter((value) => value !== null).toSorted((left, right) => left - right)
  const [min] = sorted
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return null
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? min
  return { n: sorted.length, min, median: (lower + upper) / 2, max }
}

/** Columns padded to their widest cell; the first column is text, the others stand right. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
