// The runbook's JSON Schema, for editors: made of the schema that runbooks are checked by.
import { z } from 'zod'
import { runbook } from '#protocol/runbook.ts'

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
    const { description, default: fallback, ...rest } = value
    return {
      ...(description === undefined ? {} : { description }),
      // What zod calls the default is what text has become.
      ...(fallback === undefined || typeof fallback !== rest['type'] ? {} : { default: fallback }),
      anyOf: [rest, { $ref: '#/definitions/parameter' }],
    }
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, isDeclaration(key, each) ? each : allowParameters(each)]),
  )
}

/** Parameters are declared without parameters. */
function isDeclaration(key: string, value: unknown): boolean {
  return key === 'propertyNames' || (key === 'parameters' && isJson(value) && 'propertyNames' in value)
}

/** As it is kept in runbooks/runbook.schema.json. Draft 7 is what every editor knows. */
export function runbookSchema(): string {
  const made = allowParameters(z.toJSONSchema(runbook, { io: 'input', target: 'draft-7' }))
  const { $schema, definitions, ...rest } = isJson(made) ? made : {}
  const schema = {
    $schema,
    title: 'A runbook of firedrill',
    ...rest,
    definitions: { parameter: parameterReference, ...(isJson(definitions) ? definitions : {}) },
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}
