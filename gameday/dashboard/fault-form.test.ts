import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultKinds } from '#protocol/faults.ts'
import { faultForms, readForm } from './fault-form.ts'

const forms = new Map(faultForms().map((form) => [form.kind, form]))

void test('every kind of fault has a form with a summary, and its first suggestions are a fault that the schema takes', () => {
  assert.deepEqual([...forms.keys()], [...faultKinds])
  // What the schema demands and has no default of.
  const needed: Readonly<Record<string, Record<string, string>>> = {
    'process-crash': { process: 'node' },
    'clock-skew': { by: '+90s' },
  }
  for (const [kind, form] of forms) {
    assert.notEqual(form.summary, '', kind)
    const values = Object.fromEntries(form.fields.map((field) => [field.name, field.initial]))
    const read = readForm({ kind, ...values, ...needed[kind] })
    assert.ok('spec' in read, `${kind}: ${JSON.stringify(read)}`)
    assert.equal(read.spec.for, 30_000)
  }
})

void test('a field tells what the schema expects, and offers only what it takes', () => {
  const target = forms.get('power-loss')?.fields[0]
  assert.deepEqual(target?.suggestions, ['region a', 'region b', 'region c'])
  assert.equal(target.hint, '"region X" with X one of a, b, c')
  assert.equal(target.required, true)
  const skewed = forms.get('clock-skew')?.fields[0]?.suggestions ?? []
  assert.ok(skewed.includes('controller.*') && !skewed.includes('etcd.a'))
  const link = forms.get('link-degrade')?.fields ?? []
  assert.deepEqual(
    link.map((field) => [field.name, field.type]),
    [
      ['target', 'text'],
      ['for', 'text'],
      ['class', 'choice'],
      ['delay', 'text'],
      ['jitter', 'number'],
      ['loss', 'number'],
      ['reorder', 'number'],
      ['bandwidth', 'text'],
    ],
  )
})

void test('fields of an inner mapping become that mapping, and empty ones take the defaults', () => {
  const read = readForm({
    kind: 'partition',
    target: 'region a',
    for: '',
    clients: 'stay',
    class: '',
    'flap.down': '2s',
    'flap.up': '3s',
  })
  assert.ok('spec' in read, JSON.stringify(read))
  const { id, ...spec } = read.spec
  assert.match(id, /^partition-[0-9a-f]{6}$/)
  assert.deepEqual(spec, {
    kind: 'partition',
    target: 'region a',
    for: 600_000,
    background: false,
    clients: 'stay',
    flap: { down: 2000, up: 3000 },
  })
})

void test('what is not taken is told at its field', () => {
  const problemsOf = (values: Record<string, string>): unknown => {
    const read = readForm(values)
    return 'problems' in read ? read.problems.map((each) => each.field) : read
  }
  assert.deepEqual(problemsOf({ kind: 'power-loss', target: 'region d', for: 'soon' }), ['for', 'target'])
  assert.deepEqual(problemsOf({ kind: 'link-degrade', target: 'a -> b', loss: '2' }), ['loss'])
  assert.deepEqual(problemsOf({ kind: 'partition', target: 'region a', 'flap.down': 'x', 'flap.up': '1s' }), [
    'flap.down',
  ])
  assert.deepEqual(problemsOf({ kind: 'power-loss' }), ['target'])
  assert.deepEqual(problemsOf({ kind: 'earthquake', target: 'region a' }), ['kind'])
})
