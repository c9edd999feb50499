// The shipped file is clean; what is planted into a copy of it is found, at its place.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { checkout } from './checkout.ts'
import { judgeComposeFile } from './compose-roles.ts'

const shipped = readFileSync(join(checkout, 'docker-compose.yml'), 'utf8')

/** The shipped file with one text replaced, which must be there once. */
function changed(from: string, to: string): { text: string; line: number } {
  assert.equal(shipped.split(from).length, 2, `expected ${from} once`)
  return { text: shipped.replace(from, to), line: shipped.slice(0, shipped.indexOf(from)).split('\n').length }
}

const judge = (text: string): readonly string[] =>
  judgeComposeFile('copy.yml', text).findings.map(
    ({ where, resource, verdict, expected, seen }) => `${where} ${resource.name} ${verdict}: ${expected}; ${seen}`,
  )

test('every service, network and volume of the shipped file is judged, and is clean', () => {
  const { resources, findings } = judgeComposeFile('docker-compose.yml', shipped)
  const file = parse(shipped, { merge: true, maxAliasCount: -1 }) as Record<string, object>
  const named = ['services', 'networks', 'volumes'].flatMap((section) => Object.keys(file[section] ?? {}))
  assert.equal(resources, named.length)
  assert.deepEqual(findings, [])
})

test('a planted missing role is found where the resource begins', () => {
  const { text, line } = changed(
    '{ <<: *labels, firedrill.service: wan, failover_role: wan }',
    '{ <<: *labels, firedrill.service: wan }',
  )
  const wanLine = text.split('\n').findIndex((each) => each === '  wan:') + 1
  assert.ok(wanLine > 0 && wanLine < line)
  assert.deepEqual(judge(text), [`copy.yml:${wanLine}:3 wan missing: wan (part of wan); none`])
})

test('a planted wrong role is found at its value', () => {
  const from = 'labels: { <<: *labels-b, firedrill.service: redis }'
  const { text, line } = changed(from, 'labels: { <<: *labels-b, firedrill.service: redis, failover_role: arbiter }')
  const column = (text.split('\n')[line - 1] ?? '').indexOf('arbiter') + 1
  assert.deepEqual(judge(text), [
    `copy.yml:${line}:${column} redis-b contradicting: standby (redis of region b, home is a); "arbiter"`,
  ])
})

test('an unknown value on a volume and on a network is found', () => {
  const volume = changed(
    'secrets: { labels: { <<: *labels, failover_role: wan } }',
    'secrets: { labels: { failover_role: vault } }',
  )
  assert.match(judge(volume.text).join(), /^copy\.yml:\d+:\d+ secrets unknown: wan .*"vault"$/)
  const network = changed('oob: { labels: { <<: *labels, failover_role: wan } }', 'oob: {}')
  assert.match(judge(network.text).join(), /^copy\.yml:\d+:3 oob missing: /)
})

test('a role that is right for one home only is found', () => {
  const { text } = changed(
    'labels: { <<: *labels-a, firedrill.service: bridge }',
    'labels: { <<: *labels-a, firedrill.service: bridge, failover_role: primary }',
  )
  assert.match(judge(text).join(), /bridge-a contradicting: standby \(bridge of region a, home is b\); "primary"$/)
})

test('a role that a whole region inherits is found on each of its parts, at the one place to mend', () => {
  const { text, line } = changed('failover_role: ${FIREDRILL_ROLE_C:-standby}', 'failover_role: spare')
  const found = judge(text)
  assert.equal(found.length, 5 + 1 + 3)
  for (const each of found) assert.match(each, new RegExp(`^copy\\.yml:${line}:18 .*unknown: .*"spare"$`))
})

test('labels as a list, merges, variables of a shell and what is external are read as compose reads them', () => {
  const text = [
    'x-labels: &labels { failover_role: $ROLE }',
    'services:',
    '  redis-a: { environment: [FIREDRILL_HOME=a], labels: [failover_role=primary] }',
    '  redis-b: { labels: [failover_role=primary] }',
    '  grafana: { labels: { <<: [*labels] } }',
    'volumes:',
    '  kept: { external: true }',
    '  data:',
    '',
  ].join('\n')
  const [redis, grafana, data, ...rest] = judge(text)
  assert.match(redis ?? '', /^copy\.yml:4:23 redis-b contradicting: standby .*"primary"$/)
  assert.match(grafana ?? '', /^copy\.yml:1:36 grafana missing: one of /)
  assert.match(data ?? '', /^copy\.yml:8:3 data missing: one of /)
  assert.deepEqual(rest, [])
})

test('what is no compose file is refused with its place', () => {
  assert.throws(() => judge('services: ['), /copy\.yml:1:\d+: expected YAML, saw/)
  assert.throws(() => judge('hello'), /copy\.yml:1:1: expected a compose file/)
})
