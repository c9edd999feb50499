// docs/metrics.md and the Grafana dashboard against the code: every metric is on the page, and the dashboard asks for no other.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkout } from '#world/checkout.ts'
import { everyMetric } from './every-metric.ts'

const readDoc = (name: string): string => readFileSync(join(checkout, 'docs', name), 'utf8')
const metrics = await everyMetric()
/** Labels that the whole page adds to the samples of services. */
const added = ['service', 'site']

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}
interface Dashboard {
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] }
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
}
const dashboard = JSON.parse(readDoc('grafana-dashboard.json')) as Dashboard
const expressions = [
  ...dashboard.panels.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr)),
  ...dashboard.annotations.list.flatMap((each) => each.expr ?? []),
]

/** The metric of a sample: buckets, sum and count belong to their histogram. */
function metricOf(sample: string): string {
  const base = sample.replace(/_(bucket|sum|count)$/, '')
  return metrics.get(base)?.type === 'histogram' && base !== sample ? base : sample
}

test('the page tells every metric, with its type, labels and meaning, and no other', () => {
  const rows = [...readDoc('metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm)]
  const told = rows.map(([, name = '', type, labels = '', help]) => {
    return [name, { type, help, labels: [...labels.matchAll(/`(\w+)`/g)].map((label) => label[1]) }] as const
  })
  const byName = (left: readonly [string, unknown], right: readonly [string, unknown]): number =>
    left[0].localeCompare(right[0])
  assert.deepEqual(told.toSorted(byName), [...metrics].toSorted(byName))
})

test('names are as Prometheus has them: a prefix, base units, _total for counters and nothing else', () => {
  for (const [name, { type }] of metrics) {
    assert.match(name, /^firedrill_[a-z_]+[a-z]$/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    assert.doesNotMatch(name, /_(ms|milliseconds|us|ns|kb|kilobytes|percent)(_|$)/)
    if (type === 'histogram') assert.match(name, /_(seconds|bytes)$/)
  }
})

test('every metric and label that the dashboard asks for is told', () => {
  assert.ok(expressions.length > 20)
  for (const expression of expressions) {
    const names = [...expression.matchAll(/\bfiredrill_\w+/g)].map(([sample]) => metricOf(sample))
    assert.ok(names.length > 0, expression)
    for (const name of names) assert.ok(metrics.has(name), `${name} of ${expression}`)
    const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
    const matched = [...expression.matchAll(/(\w+)(?==~?"|!=")/g)].map(([label]) => label)
    const known = [...added, 'le', ...names.flatMap((name) => metrics.get(name)?.labels ?? [])]
    for (const label of [...grouped, ...matched]) assert.ok(known.includes(label), `label ${label} of ${expression}`)
  }
})

test('legends name labels that their expressions leave', () => {
  for (const { title, targets = [] } of dashboard.panels)
    for (const { expr, legendFormat } of targets) {
      const groups = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(/,\s*/)
      const names = [...expr.matchAll(/\bfiredrill_\w+/g)].map(([sample]) => metricOf(sample))
      const left = groups ?? [...added, ...names.flatMap((name) => metrics.get(name)?.labels ?? [])]
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        assert.ok(left.includes(label), `${title}: ${label}`)
    }
})

test('the dashboard has what is asked of it, each panel in a place of its own', () => {
  assert.ok(Number.isInteger(dashboard.schemaVersion) && dashboard.schemaVersion >= 30)
  assert.ok(dashboard.templating.list.some(({ name, type }) => name === 'datasource' && type === 'datasource'))
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  for (const wanted of [/RTO/, /epochs/i, /success rate by area/i, /latency/i, /WAL lag/, /faults/i, /dropped/i])
    assert.ok(
      dashboard.panels.some(({ title }) => wanted.test(title)),
      String(wanted),
    )
  const taken = new Set<string>()
  for (const { title, gridPos } of dashboard.panels)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(x < 24 && !taken.has(`${x},${y}`), `${title} at ${x},${y}`)
        taken.add(`${x},${y}`)
      }
})
