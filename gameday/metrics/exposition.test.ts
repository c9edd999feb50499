// Several expositions put together: families whole, labels added, values as they were.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeExpositions } from './exposition.ts'

const one = `# HELP up Whether.
# TYPE up gauge
up 1

# HELP seconds How long.
# TYPE seconds histogram
seconds_bucket{le="0.1",kind="a b"} 2
seconds_sum{kind="a b"} 0.3
`
const other = `# HELP up Whether.
# TYPE up gauge
up{} 0
`

test('samples of one family stay together under one head, each with the labels of its source first', () => {
  const merged = mergeExpositions([
    { labels: { site: 'a' }, text: one },
    { labels: { site: 'b', service: 'x"y\\z' }, text: other },
    { labels: {}, text: one },
  ])
  assert.equal(
    merged,
    `# HELP up Whether.
# TYPE up gauge
up{site="a"} 1
up{site="b",service="x\\"y\\\\z"} 0
up 1
# HELP seconds How long.
# TYPE seconds histogram
seconds_bucket{site="a",le="0.1",kind="a b"} 2
seconds_sum{site="a",kind="a b"} 0.3
seconds_bucket{le="0.1",kind="a b"} 2
seconds_sum{kind="a b"} 0.3
`,
  )
})

test('a family without samples is left out', () => {
  assert.equal(mergeExpositions([{ labels: {}, text: '# HELP x y\n# TYPE x gauge\n' }]), '')
})
