// The form of each fault kind, made from the schema that runbooks are checked by; and what was filled in, checked by the same.
import { z } from 'zod'
import { faultKinds, faultSpec } from '#protocol/faults.ts'
import { areaHosts, areas, regionHosts, regions } from '#protocol/sites.ts'
import { handlerOf } from '#chaos/library.ts'
import { readFault } from '../manual-fault.ts'
import type { FaultForm, FormField } from './model/offers.ts'

const schemaOf = z.object({
  oneOf: z.array(
    z.object({
      properties: z.record(z.string(), z.record(z.string(), z.unknown())),
      required: z.array(z.string()),
    }),
  ),
})
type Property = Readonly<Record<string, unknown>>

/** Of any kind of target; each kind takes some of them. */
const targets: readonly string[] = [
  ...regions.map((region) => `region ${region}`),
  ...regions.map((region) => `bridge ${region}`),
  'a -> b',
  'a <-> b',
  'a -> b,c',
  'a,na|b,c',
  'all',
  'fence device',
  ...Object.keys(regionHosts).flatMap((service) => [...regions, '*'].map((site) => `${service}.${site}`)),
  ...Object.keys(areaHosts).flatMap((service) => [...areas, '*'].map((site) => `${service}.${site}`)),
]
/** A fault's name is drawn, and it is no drill's condition. */
const leftOut = new Set(['id', 'kind', 'background'])
const durationExample = '30s'

export function faultForms(): readonly FaultForm[] {
  const { oneOf } = schemaOf.parse(z.toJSONSchema(faultSpec, { io: 'input', unrepresentable: 'any' }))
  return faultKinds.map((kind) => {
    const option = oneOf.find((each) => each.properties['kind']?.['const'] === kind)
    if (option === undefined) throw new Error(`fault kind ${kind} is not in its own schema`)
    const fields = Object.entries(option.properties)
      .filter(([name]) => !leftOut.has(name))
      .flatMap(([name, property]) => fieldsOf(kind, name, property, option.required.includes(name)))
    // What is broken, for how long, and only then how.
    const order = (field: FormField): number => ['target', 'for'].indexOf(field.name) + 1 || 3
    return {
      kind,
      summary: handlerOf(kind).summary,
      fields: fields.toSorted((left, right) => order(left) - order(right)),
    }
  })
}

function fieldsOf(kind: string, name: string, property: Property, required: boolean): readonly FormField[] {
  const inner = property['properties']
  if (inner !== undefined)
    return Object.entries(inner as Readonly<Record<string, Property>>).flatMap(([key, each]) =>
      fieldsOf(kind, `${name}.${key}`, each, false),
    )
  const choices = ((property['enum'] as readonly unknown[] | undefined) ?? []).map(String)
  const type =
    choices.length > 0
      ? 'choice'
      : property['type'] === 'boolean'
        ? 'yes-no'
        : property['type'] === 'number'
          ? 'number'
          : 'text'
  const fallback = property['default'] ?? property['const']
  const suggestions =
    name === 'target' ? targets.filter((target) => problemAt(kind, { target }, 'target') === null) : []
  return [
    {
      name,
      type,
      required,
      hint: type === 'number' ? rangeOf(property) : type === 'text' ? hintOf(kind, name) : '',
      choices,
      suggestions,
      initial: name === 'for' ? durationExample : name === 'target' ? (suggestions[0] ?? '') : wordOf(fallback),
    },
  ]
}

function wordOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

function rangeOf({ minimum, maximum }: Property): string {
  return minimum === undefined || maximum === undefined ? 'a number' : `from ${wordOf(minimum)} to ${wordOf(maximum)}`
}

/** What the schema says of a value that nobody would take. */
function hintOf(kind: string, name: string): string {
  return (problemAt(kind, { [name]: '?' }, name) ?? '').replace(/^expected /, '').replace(/, found .*$/, '')
}

function problemAt(kind: string, values: Readonly<Record<string, string>>, field: string): string | null {
  const read = readForm({ kind, ...values })
  return 'spec' in read ? null : (read.problems.find((each) => each.field === field)?.message ?? null)
}

/** As a runbook has them; empty values are left out, so that the schema's defaults are taken. @param values by the names of the form's fields */
export function readForm(values: Readonly<Record<string, string>>): ReturnType<typeof readFault> {
  const raw: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(values)) {
    if (text.trim() === '') continue
    const [outer = '', inner] = name.split('.')
    if (inner === undefined) raw[outer] = valueOf(outer, text)
    else raw[outer] = { ...(raw[outer] as Record<string, unknown> | undefined), [inner]: text.trim() }
  }
  return readFault(raw)
}

/** Numbers and yes-no as a runbook has them; a target is text though it may look like anything. */
function valueOf(name: string, text: string): unknown {
  const trimmed = text.trim()
  if (name === 'target' || name === 'process') return trimmed
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true'
  return /^-?\d*\.?\d+$/.test(trimmed) ? Number(trimmed) : trimmed
}
