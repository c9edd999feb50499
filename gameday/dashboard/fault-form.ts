// The form of each fault kind, made from the schema that runbooks are checked by; and what was filled in, checked by the same.
import type { FaultKind } from '#protocol/faults.ts'
import { areaHosts, areas, regionHosts, regions } from '#protocol/sites.ts'
import { describeFaults, lasting, type FaultParameter } from '../fault-words.ts'
import { readFault } from '../manual-fault.ts'
import type { FaultForm, FormField } from './model/offers.ts'

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
const durationExample = '30s'

export function faultForms(): readonly FaultForm[] {
  const time: FormField = { ...fieldOf(lasting()), initial: durationExample }
  return describeFaults().map(({ kind, summary, target, parameters }) => {
    const suggestions = targets.filter((each) => takesTarget(kind, each))
    const aim: FormField = {
      name: 'target',
      type: 'text',
      required: true,
      hint: target,
      choices: [],
      suggestions,
      initial: suggestions[0] ?? '',
    }
    // What is broken, for how long, and only then how.
    return { kind, summary, fields: [aim, time, ...parameters.map(fieldOf)] }
  })
}

function fieldOf({ name, type, required, expected, choices, default: initial }: FaultParameter): FormField {
  const hint = type === 'number' || type === 'text' ? expected : ''
  return { name, type, required, hint, choices, suggestions: [], initial: initial ?? '' }
}

function takesTarget(kind: FaultKind, target: string): boolean {
  const read = readForm({ kind, target })
  return 'spec' in read || !read.problems.some((each) => each.field === 'target')
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
