// Which figures of two journals differ, by their path: `rto.firstWriteMs: the journal says 1050, the raw files say 1200`. Pure.

const mostTold = 20
const mostText = 120

type Parts = ReadonlyMap<string, unknown>

/** What tells an entry of a list from the others, wherever it stands: an incident's id, an epoch's number. */
const names = ['id', 'name', 'epoch', 'orderId', 'at'] as const

function isTold(list: readonly unknown[], name: (typeof names)[number]): boolean {
  const seen = list.map((each) => (isObject(each) ? each[name] : undefined))
  return (
    seen.every((each) => typeof each === 'string' || typeof each === 'number') && new Set(seen).size === seen.length
  )
}

/** Null: by their places. */
function nameIn(before: unknown, after: unknown): (typeof names)[number] | null {
  if (!Array.isArray(before) || !Array.isArray(after)) return null
  return names.find((name) => isTold(before, name) && isTold(after, name)) ?? null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Both are taken apart alike, so that an entry is compared with its own. Null: it has no parts. */
function partsOf(value: unknown, name: (typeof names)[number] | null): Parts | null {
  if (!isObject(value)) return null
  if (!Array.isArray(value)) return new Map(Object.entries(value).map(([key, each]) => [keyed(key), each]))
  return new Map(
    value.map((each: unknown, index) => [`[${name !== null && isObject(each) ? String(each[name]) : index}]`, each]),
  )
}

/** A key that is a path itself, as those of reasons are, stands in brackets. */
function keyed(key: string): string {
  return /^[\w-]+$/.test(key) ? `.${key}` : `[${key}]`
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > mostText ? `${text.slice(0, mostText)}…` : text
}

function collect(path: string, before: unknown, after: unknown, into: string[]): void {
  const name = nameIn(before, after)
  const left = partsOf(before, name)
  const right = partsOf(after, name)
  if (left === null || right === null || Array.isArray(before) !== Array.isArray(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after))
      into.push(`${path.replace(/^\./, '')}: the journal says ${shown(before)}, the raw files say ${shown(after)}`)
    return
  }
  for (const key of new Set([...left.keys(), ...right.keys()]))
    collect(`${path}${key}`, left.get(key), right.get(key), into)
}

function parsed(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

/** @returns at least one sentence for texts that differ; the first 20 and how many more there are */
export function differences(journalJson: string, recomputedJson: string): readonly string[] {
  const before = parsed(journalJson)
  const after = parsed(recomputedJson)
  if (before === null || after === null) return ['journal.json is no JSON any more']
  const found: string[] = []
  collect('', before.value, after.value, found)
  if (found.length === 0) return ['journal.json is written otherwise (blanks or order), with the same figures']
  const rest = found.length - mostTold
  return rest > 0 ? [...found.slice(0, mostTold), `and ${rest} more`] : found
}
