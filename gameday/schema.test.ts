// The published JSON Schema: it is current, every key is described, good runbooks are valid by it, and bad ones are not.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { faultKinds } from '#protocol/faults.ts'
import { checkout } from '#world/checkout.ts'
import { runbookSchema } from './schema.ts'
import { parseRunbook, shippedRunbooks } from './validate.ts'

const folder = join(checkout, 'runbooks')
const schema: Record<string, unknown> = JSON.parse(runbookSchema())
const check = new Ajv({ strict: false }).compile(schema)

interface Branch {
  readonly properties: {
    readonly kind: { readonly const: string; readonly description: string }
    readonly target: {
      readonly examples: readonly string[]
      readonly anyOf?: readonly { readonly pattern?: string }[]
      readonly const?: string
    }
  }
}

/** With a parameter wherever one may stand that is not text anyhow. */
const parametrised = `title: \${name}
parameters:
  name: A drill
  target: { default: c, description: The region, one-of: [a, b, c] }
  rate: 10/s
  share: 0.5
  least: '>= 99%'
  count: 0
  event: steady
  time: 5s
  long: 60s
  yes: true
topology: { home: '\${target}', max-loss: '\${time}' }
objectives: { rto: '\${time}', failback-failed: '\${count}', unexplained-incidents: '\${count}' }
load: { rate: '\${rate}', reads: '\${share}', from: [na, eu] }
steady-state-hypothesis: { success-rate: '\${least}', p99: '<= 500ms' }
abort-when: { success-rate: '< 50% for 20s', p99: '> 2s for \${time}', no-acks-for: '\${time}', epochs: '> 3' }
method:
  - hold: \${time}
    expect: { failed: '\${count}' }
    notes: Who watches \${target}?
  - parallel:
      - fault: { id: outage, kind: power-loss, target: 'region \${target}', for: '\${long}', background: '\${yes}' }
      - - hold: \${time}
        - wait-for: { event: '\${event}', within: '\${time}' }
  - action: { kind: switchover, to: '\${target}' }
  - hold: \${time}
  - action: failback
rollback:
  - heal: outage
`

void test('it is current', async () => {
  assert.equal(
    await readFile(join(folder, 'runbook.schema.json'), 'utf8'),
    runbookSchema(),
    'run: ./firedrill validate --schema > runbooks/runbook.schema.json',
  )
})

void test('an editor shows for each kind what it does, and where, with examples that are right', () => {
  const { fault } = schema['definitions'] as Record<string, { readonly oneOf: readonly Branch[] }>
  const branches = fault?.oneOf.map(({ properties }) => properties) ?? []
  assert.equal(new Set(branches.map(({ kind }) => kind.description)).size, faultKinds.length)
  for (const { kind, target } of branches) {
    assert.ok(target.examples.length > 0, kind.const)
    const pattern = new RegExp(target.anyOf?.[0]?.pattern ?? target.const ?? '')
    for (const example of target.examples) assert.match(example, pattern, kind.const)
  }
})

void test('shipped runbooks, and one with parameters everywhere, are valid by it, and name it', async () => {
  for (const name of await shippedRunbooks()) {
    const text = await readFile(join(folder, `${name}.yaml`), 'utf8')
    assert.match(text, /^# yaml-language-server: \$schema=\.\/runbook\.schema\.json\n/, name)
    assert.ok(check(parse(text)), `${name}: ${JSON.stringify(check.errors)}`)
  }
  parseRunbook('parametrised.yaml', parametrised, { set: [], canApprove: false })
  assert.ok(check(parse(parametrised)), JSON.stringify(check.errors))
})

for (const [from, to] of [
  ['method:', 'metod:'],
  ['kind: power-loss', 'kind: powerloss'],
  ["id: outage, kind: power-loss, target: 'region ${target}'", "id: outage, kind: power-loss, target: 'region q'"],
  ["reads: '${share}'", 'reads: 2'],
  ["reads: '${share}'", "reads: 'half'"],
  ['hold: ${time}', 'hold: 5'],
  ['- heal: outage', '- approve: Really?'],
] as const)
  void test(`an editor marks ${to}`, () => {
    const spoilt = parametrised.replace(from, () => to)
    assert.notEqual(spoilt, parametrised)
    assert.ok(!check(parse(spoilt)))
  })

function undescribed(value: unknown, path: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each, index) => undescribed(each, `${path}[${index}]`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => [
    ...(key === 'properties'
      ? Object.entries(each as Record<string, { readonly description?: string }>)
          .filter(([, property]) => property.description === undefined)
          .map(([name]) => `${path}.${name}`)
      : []),
    ...undescribed(each, `${path}.${key}`),
  ])
}

void test('every key says what it is for', () => {
  assert.deepEqual(undescribed(schema, ''), [])
})
