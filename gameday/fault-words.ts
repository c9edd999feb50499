// What can be said of each kind of fault, for people: from the schema that checks it and from its handler, so that nothing of it is
// written twice.
import { z } from 'zod'
import { faultKinds, faultSpec, type FaultKind } from '#protocol/faults.ts'
import { handlerOf } from '#chaos/library.ts'
import { manualFaultTime } from './manual-fault.ts'
import { problemsOf } from './problems.ts'

export interface FaultParameter {
  /** As `--set` and a runbook name it; `flap.down` lies inside `flap`. */
  readonly name: string
  readonly expected: string
  readonly type: 'text' | 'number' | 'choice' | 'yes-no'
  /** Of a choice. */
  readonly choices: readonly string[]
  /** Null if there is none. */
  readonly default: string | null
  readonly required: boolean
}

export interface FaultDescription {
  readonly kind: FaultKind
  readonly summary: string
  readonly target: string
  /** `for`, how long it lasts, is the same for all kinds: see `lasting`. */
  readonly parameters: readonly FaultParameter[]
  /** Who heals it when its time is over. */
  readonly healedBy: string
}

const ofRunbooks = new Set(['id', 'kind', 'target', 'background'])

type Shape = Readonly<Record<string, z.ZodType>>
interface Facts {
  readonly type?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Facts>>
  readonly required?: readonly string[]
}

export function describeFaults(): readonly FaultDescription[] {
  return faultKinds.map((kind) => {
    const schema = schemaOf(kind)
    const facts = factsOf(schema)
    const parameters = Object.entries(facts.properties ?? {})
      .filter(([name]) => !ofRunbooks.has(name) && name !== 'for')
      .flatMap(([name, each]) => parametersOf(schema, [name], each, facts))
    const { summary, endsBy } = handlerOf(kind)
    return {
      kind,
      summary,
      target: expectedAt(schema, ['target']),
      parameters,
      healedBy: endsBy ?? 'the guard',
    }
  })
}

/** How long a fault lasts that a person injects. */
export function lasting(): FaultParameter {
  const schema = schemaOf('freeze')
  const [duration] = parametersOf(schema, ['for'], {}, {})
  if (duration === undefined) throw new RangeError('no fault without a longest duration')
  const longest = problemAt(schema, ['for'], '500h')?.replace(/:.*$/, '') ?? ''
  return { ...duration, default: manualFaultTime, expected: `${duration.expected}; ${longest}` }
}

function schemaOf(kind: FaultKind): z.ZodObject {
  const found = faultSpec.options.find((option) => option.shape.kind.value === kind)
  if (found === undefined) throw new RangeError(`no schema of fault kind ${kind}`)
  return found
}

function factsOf(schema: z.ZodType): Facts {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Facts
}

function parametersOf(
  schema: z.ZodObject,
  path: readonly [string, ...string[]],
  facts: Facts,
  parent: Facts,
): readonly FaultParameter[] {
  const [first] = path
  if (facts.properties !== undefined)
    return Object.entries(facts.properties).flatMap(([name, each]) => parametersOf(schema, [first, name], each, facts))
  const name = path.at(-1) ?? first
  const without = (schema.shape as Shape)[first]?.safeParse(undefined)
  const byDefault = facts.default ?? (path.length === 1 && without?.success === true ? without.data : undefined)
  return [
    {
      name: path.join('.'),
      expected: `${expectedAt(schema, path)}${rangeOf(facts)}`,
      type: typeOf(facts),
      choices: (facts.enum ?? []).map(String),
      default: byDefault === undefined ? null : shown(byDefault),
      required: path.length === 1 && (parent.required?.includes(name) ?? false),
    },
  ]
}

function typeOf(facts: Facts): FaultParameter['type'] {
  if (facts.enum !== undefined) return 'choice'
  if (facts.type === 'boolean') return 'yes-no'
  return facts.type === 'number' ? 'number' : 'text'
}

function rangeOf({ minimum, maximum }: Facts): string {
  return minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`
}

function shown(value: unknown): string {
  return String(value)
}

/** What the schema says of a value that can't be right. */
function expectedAt(schema: z.ZodObject, path: readonly string[]): string {
  for (const wrong of ['?', '', {}]) {
    const expected = problemAt(schema, path, wrong)
    if (expected !== null) return expected
  }
  return 'anything'
}

function problemAt(schema: z.ZodObject, path: readonly string[], value: unknown): string | null {
  const root = path.toReversed().reduce<unknown>((inside, key) => ({ [key]: inside }), value)
  const parsed = schema.safeParse(root)
  if (parsed.success) return null
  const problem = problemsOf(schema, root, parsed.error).find((each) => each.path.join('.') === path.join('.'))
  return problem?.expected.replace(/^expected /, '') ?? null
}
