// Turns what a schema found wrong into one line each: where, what was expected, what was found.
import { z } from 'zod'
import { printable } from '#protocol/names.ts'

export interface Problem {
  readonly path: readonly (string | number)[]
  readonly expected: string
  readonly found: string
  /** The trouble is the key itself, not its value. */
  readonly atKey?: boolean
}

/** Of a file that is wrong all over, the first say enough. */
const mostTold = 100

/** Every problem is one line: file, line, column, expected, found. */
export class RunbookInvalid extends Error {
  readonly problems: readonly string[]
  constructor(all: readonly string[]) {
    const told = all.slice(0, mostTold).map((each) => printable(each.replaceAll('\n', ' ')))
    const problems = all.length > mostTold ? [...told, `and ${all.length - mostTold} more like these`] : told
    super(problems.join('\n'))
    this.name = 'RunbookInvalid'
    this.problems = problems
  }
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], root)
}

const longestShown = 200
/** Each is held against each other. */
const mostLookedAt = 500

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'number') return String(value)
  // JSON has no word for numbers that are not finite.
  const text = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'number' && !Number.isFinite(each) ? String(each) : each,
  )
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text
}

/** Peels defaults, optionals and transforms off a schema. */
function inner(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { readonly innerType?: z.core.$ZodType; readonly in?: z.core.$ZodType }
  const next = def.innerType ?? def.in
  return next === undefined ? schema : inner(next)
}

/** The keys that an object at `path` may have; empty if there is no object. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): readonly string[] {
  const here = inner(schema)
  const [key, ...rest] = path
  if (here instanceof z.ZodDiscriminatedUnion) {
    const discriminator = here.def.discriminator
    const wanted = (value as Record<string, unknown> | null)?.[discriminator]
    const option = here.options.find((each) => {
      const literal = each instanceof z.ZodObject ? (each.shape as Record<string, unknown>)[discriminator] : undefined
      return literal instanceof z.ZodLiteral && literal.value === wanted
    })
    return option === undefined ? [] : keysAt(option, path, value)
  }
  if (here instanceof z.ZodUnion) {
    const options = here.options.map((each) => keysAt(each, path, value))
    return options.find((each) => each.length > 0) ?? []
  }
  if (here instanceof z.ZodArray)
    return key === undefined ? [] : keysAt(here.element, rest, Array.isArray(value) ? value[Number(key)] : undefined)
  if (here instanceof z.ZodRecord)
    return key === undefined ? [] : keysAt(here.valueType, rest, (value as Record<PropertyKey, unknown> | null)?.[key])
  if (!(here instanceof z.ZodObject)) return []
  const shape = here.shape as Record<string, z.core.$ZodType>
  if (key === undefined) return Object.keys(shape)
  const child = shape[String(key)]
  return child === undefined ? [] : keysAt(child, rest, (value as Record<PropertyKey, unknown> | null)?.[key])
}

const kindWords: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  record: 'a mapping',
  string: 'text',
  int: 'a whole number',
  boolean: 'true or false',
}

function expectedOf(issue: z.core.$ZodIssue): string {
  // The schema's own words are better than any made here.
  if (issue.message.startsWith('expected')) return issue.message
  // Of a key it is the key's own schema that says what is wrong.
  const [ofKey] = issue.code === 'invalid_key' ? issue.issues : []
  if (ofKey !== undefined) return expectedOf(ofKey)
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_type') {
    return `expected ${kindWords[issue.expected] ?? `a ${issue.expected}`}`
  }
  if (issue.code === 'too_small')
    return `expected at least ${String(issue.minimum)}${issue.origin !== 'array' ? '' : issue.minimum === 1 ? ' entry' : ' entries'}`
  if (issue.code === 'too_big') return `expected at most ${String(issue.maximum)}`
  return 'expected another value'
}

function fromIssue(schema: z.core.$ZodType, root: unknown, issue: z.core.$ZodIssue): readonly Problem[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path, root)
    return issue.keys.map((key) => ({
      path: [...path, key],
      expected: known.length === 0 ? 'expected no such key' : `expected a key of ${known.join(', ')}`,
      found: `the key ${JSON.stringify(key)}`,
      atKey: true,
    }))
  }
  if (issue.code === 'invalid_union') {
    // The branch that got furthest knows best what is wrong.
    const branches = issue.errors.toSorted((left, right) => depth(right) - depth(left))
    const best = branches[0] ?? []
    if (depth(best) > 0)
      return best.flatMap((each) => fromIssue(schema, root, { ...each, path: [...issue.path, ...each.path] }))
    const options = issue.errors
      .flat()
      .flatMap((each) => (each.code === 'invalid_value' ? each.values.map(String) : []))
    const isSaid = issue.message.startsWith('expected')
    const expected =
      options.length > 0 && !isSaid ? `expected one of ${[...new Set(options)].join(', ')}` : expectedOf(issue)
    return [{ path, expected, found: shown(valueAt(root, issue.path)) }]
  }
  if (issue.code === 'invalid_key')
    return [{ path, expected: expectedOf(issue), found: `the key ${JSON.stringify(path.at(-1))}`, atKey: true }]
  const value = valueAt(root, issue.path)
  return [{ path, expected: expectedOf(issue), found: shown(value) }]
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)))
}

export function problemsOf(schema: z.core.$ZodType, root: unknown, error: z.core.$ZodError): readonly Problem[] {
  const issues = error.issues.slice(0, mostLookedAt)
  // What is wrong with a whole follows from what is wrong inside it, and would only say it twice.
  const follows = (issue: z.core.$ZodIssue, at: number): boolean =>
    issue.code === 'custom' &&
    issues.some((other, otherAt) => {
      const isWithin = issue.path.every((key, index) => other.path[index] === key)
      // Of two that say something of the same value, the first is told.
      return isWithin && (other.path.length > issue.path.length || other.code !== 'custom' || otherAt < at)
    })
  return issues.filter((issue, at) => !follows(issue, at)).flatMap((issue) => fromIssue(schema, root, issue))
}
