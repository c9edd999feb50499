// Which figures of two journals differ, by their path: `rto.firstWriteMs: the journal says 1050, the raw files say 1200`. Pure.

const mostTold = 20

function leaves(value: unknown, path: string, into: Map<string, string>): void {
  if (typeof value !== 'object' || value === null) {
    into.set(path, JSON.stringify(value) ?? 'nothing')
    return
  }
  const entries = Array.isArray(value)
    ? value.map((each: unknown, index) => [`${path}[${index}]`, each] as const)
    : Object.entries(value).map(([key, each]) => [path === '' ? key : `${path}.${key}`, each as unknown] as const)
  if (entries.length === 0) into.set(path, Array.isArray(value) ? '[]' : '{}')
  for (const [where, each] of entries) leaves(each, where, into)
}

function parsed(text: string): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>()
  try {
    leaves(JSON.parse(text), '', found)
  } catch {
    return null
  }
  return found
}

/** @returns at least one sentence for texts that differ; the first 20 and how many more there are */
export function differences(journalJson: string, recomputedJson: string): readonly string[] {
  const before = parsed(journalJson)
  const after = parsed(recomputedJson)
  if (before === null || after === null) return ['journal.json is no JSON any more']
  const paths = new Set([...before.keys(), ...after.keys()])
  const found = [...paths]
    .filter((path) => before.get(path) !== after.get(path))
    .map(
      (path) =>
        `${path}: the journal says ${before.get(path) ?? 'nothing'}, the raw files say ${after.get(path) ?? 'nothing'}`,
    )
  if (found.length === 0) return ['journal.json is written otherwise (blanks or order), with the same figures']
  const rest = found.length - mostTold
  return rest > 0 ? [...found.slice(0, mostTold), `and ${rest} more`] : found
}
