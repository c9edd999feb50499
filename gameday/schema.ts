// The runbook's JSON Schema, for editors: made of the schema that runbooks are checked by.
import { z } from 'zod'
import { faultExamples } from '#chaos/fault-examples.ts'
import type { FaultKind } from '#protocol/faults.ts'
import { runbook } from '#protocol/runbook.ts'
import { describeFaults } from './fault-words.ts'

type Json = { readonly [key: string]: unknown }

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What may stand where a number, a word of some, or text of some form is expected: `${name}`, alone or inside. */
const parameterReference = { type: 'string', pattern: '\\$\\{[a-z][a-z0-9-]*\\}' }

function takesParameter({ type, enum: words, pattern }: Json): boolean {
  return Array.isArray(words) || typeof pattern === 'string' || ['number', 'integer', 'boolean'].includes(String(type))
}

function allowParameters(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(allowParameters)
  if (!isJson(value)) return value
  // A kind tells which keys there are: it is written out.
  if (takesParameter(value) && value['const'] === undefined) {
    const { description, examples, default: fallback, ...rest } = value
    return {
      ...(description === undefined ? {} : { description }),
      ...(examples === undefined ? {} : { examples }),
      // What zod calls the default is what text has become.
      ...(fallback === undefined || typeof fallback !== rest['type'] ? {} : { default: fallback }),
      anyOf: [rest, { $ref: '#/definitions/parameter' }],
    }
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, isDeclaration(key, each) ? each : allowParameters(each)]),
  )
}

/** Each kind by what it does, and its target by what may stand there, with examples: what an editor shows while one is chosen. */
function describeKinds(definitions: Json): Json {
  const { fault } = definitions
  if (!isJson(fault) || !Array.isArray(fault['oneOf'])) throw new TypeError('the schema defines no fault')
  const kinds = describeFaults()
  const oneOf = fault['oneOf'].map((branch: unknown) => {
    const properties = isJson(branch) && isJson(branch['properties']) ? branch['properties'] : {}
    const { kind, target } = properties
    const words = kinds.find((each) => isJson(kind) && each.kind === kind['const'])
    if (words === undefined || !isJson(kind) || !isJson(target))
      throw new TypeError('the schema defines no kind of fault')
    const described = {
      kind: { description: words.summary, ...kind },
      target: { description: words.target, examples: targetExamples(words.kind), ...target },
    }
    return { ...(isJson(branch) ? branch : {}), properties: { ...properties, ...described } }
  })
  return { ...definitions, fault: { ...fault, oneOf } }
}

function targetExamples(kind: FaultKind): readonly string[] {
  return [...new Set(faultExamples[kind].map(({ target }) => String(target)))]
}

/** Parameters are declared without parameters. */
function isDeclaration(key: string, value: unknown): boolean {
  return key === 'propertyNames' || (key === 'parameters' && isJson(value) && 'propertyNames' in value)
}

/** As it is kept in runbooks/runbook.schema.json. Draft 7 is what every editor knows. */
export function runbookSchema(): string {
  const { definitions: plain, ...bare } = z.toJSONSchema(runbook, { io: 'input', target: 'draft-7' })
  const made = allowParameters({ ...bare, definitions: describeKinds(isJson(plain) ? plain : {}) })
  const { $schema, definitions, ...rest } = isJson(made) ? made : {}
  const schema = {
    $schema,
    title: 'A runbook of firedrill',
    ...rest,
    definitions: { parameter: parameterReference, ...(isJson(definitions) ? definitions : {}) },
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}
