// Parameters of a runbook: `${name}` in its values gives way to a value before anything is checked, so that errors still name their place.
import { isMap, isPair, isScalar, isSeq, parse, visit, type Document, type Scalar, type YAMLSeq } from 'yaml'
import { parameterName, runbook as runbookShape, type ParameterValue, type Runbook } from '#protocol/runbook.ts'
import { pathText, type Path } from './method.ts'
import type { Problem } from './problems.ts'

/** No name holds a `$` or a brace, so that a text full of beginnings is looked at once. */
const reference = /\$\{([^${}]*)\}/g
const longestNamed = 200

interface Declared {
  readonly value: unknown
  readonly oneOf: readonly unknown[] | null
}

/** What is declared, as far as it can be read: the schema says what is wrong with the rest. */
function declaredIn(document: Document): ReadonlyMap<string, Declared> {
  const block: unknown = document.get('parameters', true)
  if (!isMap(block)) return new Map()
  return new Map(
    block.items.flatMap((pair): [string, Declared][] => {
      if (!isScalar(pair.key)) return []
      const { value } = pair
      const oneOf: unknown = isMap(value) ? value.toJS(document)['one-of'] : null
      const read: unknown = isMap(value) ? value.get('default') : isScalar(value) ? value.value : null
      return [[String(pair.key.value), { value: read, oneOf: Array.isArray(oneOf) ? oneOf : null }]]
    }),
  )
}

export function isDeclared(document: Document, name: string): boolean {
  return declaredIn(document).has(name)
}

export function declaredNames(document: Document): readonly string[] {
  return [...declaredIn(document).keys()]
}

/** The values that a runbook was filled with. */
export function parameterValues(runbook: Runbook): Record<string, ParameterValue> {
  return Object.fromEntries(
    Object.entries(runbook.parameters).map(([name, each]) => [name, typeof each === 'object' ? each.default : each]),
  )
}

/**
 * Sets a declared parameter to what stands after `--set name=`.
 * @throws RangeError that says what was expected
 */
export function setParameter(document: Document, name: string, text: string): void {
  const declared = declaredIn(document).get(name)
  // A default that is text makes every value text: 1s and 10 are both meant as they are written.
  const value: unknown = typeof declared?.value === 'string' ? text : parse(text)
  if (declared !== undefined && typeof value !== typeof declared.value)
    throw new RangeError(
      `expected a ${typeof declared.value}, as the default of ${name} is one, found ${JSON.stringify(text)}`,
    )
  if (declared?.oneOf != null && !declared.oneOf.includes(value))
    throw new RangeError(`expected ${name} to be one of ${declared.oneOf.map(String).join(', ')}, found ${text}`)
  const isBlock = isMap(document.getIn(['parameters', name], true))
  document.setIn(isBlock ? ['parameters', name, 'default'] : ['parameters', name], value)
}

export interface Filled {
  readonly problems: readonly Problem[]
  /** What stood at a path before it was filled in, by the path's text. */
  readonly templates: ReadonlyMap<string, string>
}

/** Puts values in the place of `${name}`, everywhere but in the block that declares them. */
export function fillParameters(document: Document): Filled {
  const declared = declaredIn(document)
  const problems: Problem[] = []
  const templates = new Map<string, string>()
  const used = new Set<string>()
  const places: Places = new WeakMap()
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return
      const path = pathOf(key, ancestors, places)
      if (path[0] === 'parameters') return
      templates.set(pathText(path), node.value)
      problems.push(...fill(node, path, declared, used))
    },
  })
  for (const [name, { value, oneOf }] of declared) {
    const path = ['parameters', name]
    if (Object.hasOwn(runbookShape.shape, name))
      problems.push({ path, expected: 'expected a name that no part of a runbook has', found: name, atKey: true })
    else if (parameterName.test(name) && !used.has(name))
      problems.push({ path, expected: `expected \${${name}} somewhere`, found: 'it nowhere', atKey: true })
    if (oneOf !== null && value != null && !oneOf.includes(value))
      problems.push({
        path: [...path, 'default'],
        expected: `expected one of ${oneOf.map(String).join(', ')}`,
        found: JSON.stringify(value),
      })
  }
  return { problems, templates }
}

function fill(
  node: Scalar,
  path: Path,
  declared: ReadonlyMap<string, Declared>,
  used: Set<string>,
): readonly Problem[] {
  const text = String(node.value)
  const names = [...text.matchAll(reference)].map((match) => match[1] ?? '')
  const unknown = names.filter((name) => !declared.has(name))
  for (const name of names) used.add(name)
  if (unknown.length > 0 || names.length < text.split('${').length - 1)
    return [
      {
        path,
        expected: `expected a parameter that is declared (${shortened([...declared.keys()].join(', ')) || 'none is declared'})`,
        found: shortened(unknown.length > 0 ? unknown.map((name) => `\${${name}}`).join(', ') : JSON.stringify(text)),
      },
    ]
  const valueOf = (name: string): unknown => declared.get(name)?.value
  const [only = ''] = names
  node.value =
    text === `\${${only}}` ? valueOf(only) : text.replaceAll(reference, (_all, name) => String(valueOf(name)))
  return []
}

function shortened(text: string): string {
  return text.length > longestNamed ? `${text.slice(0, longestNamed)}…` : text
}

/** Places of the entries of each list, looked up once a list. */
type Places = WeakMap<YAMLSeq, ReadonlyMap<unknown, number>>

function pathOf(key: number | 'key' | 'value' | null, ancestors: readonly unknown[], places: Places): Path {
  return ancestors.flatMap((ancestor, index): Path => {
    if (isPair(ancestor)) return [isScalar(ancestor.key) ? String(ancestor.key.value) : '?']
    if (!isSeq(ancestor)) return []
    const next = ancestors[index + 1]
    if (next === undefined) return [Number(key)]
    const known = places.get(ancestor) ?? new Map(ancestor.items.map((item, at) => [item, at] as const))
    places.set(ancestor, known)
    return [known.get(next) ?? 0]
  })
}
