// report.html in a real Chromium: nothing serious for axe-core, no sideways scrolling, in light and dark, wide and narrow.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import axe from 'axe-core'
import type { Browser } from 'playwright-core'
import type { Journal } from '#protocol/journal.ts'
import { goodRecord } from '#gameday/measure/histories.ts'
import { measure } from '#gameday/measure/measure.ts'
import type { DrillRecord } from '#gameday/measure/record.ts'
import { renderHtml } from '#gameday/report/html.ts'
import { stillOut, threeIncidents, withMissing } from '#gameday/report/planted-journals.ts'
import { reportInput } from '#gameday/report/report-input.ts'
import { openChromium } from './chromium.ts'

const good = goodRecord()
const ids = new Set([...(good.finalReads.postgres?.ids ?? [])].slice(40))
const keys = good.finalReads.postgres?.keys ?? new Set<string>()
const records: Readonly<Record<string, DrillRecord>> = {
  passed: good,
  'with lost writes': { ...good, finalReads: { ...good.finalReads, postgres: { ids, keys } } },
  interrupted: {
    ...good,
    interruption: 'interrupted by SIGINT',
    finalReads: { postgres: null, kafka: null, redis: null },
    steps: good.steps.slice(0, 2),
  },
  'without a fault': { ...good, faults: [] },
  'without load': { ...good, load: null, operations: [], events: [], samples: [], faults: [], steps: [] },
}

interface Drill {
  readonly record: DrillRecord
  readonly journal: Journal
}

const drills: Readonly<Record<string, Drill>> = {
  ...Object.fromEntries(Object.entries(records).map(([name, record]) => [name, { record, journal: measure(record) }])),
  'with three incidents': { record: good, journal: threeIncidents() },
  'with missing operations': { record: good, journal: withMissing() },
  'that was still out at its end': { record: good, journal: stillOut() },
}

interface Seen {
  readonly violations: readonly string[]
  readonly width: number
}

const opened = await openChromium()
const skip = 'missing' in opened ? opened.missing : false

describe('report.html', { skip }, () => {
  let browser: Browser

  before(() => {
    if ('missing' in opened) throw new Error(opened.missing)
    browser = opened
  })
  after(() => browser.close())

  async function look(html: string, width: number, colorScheme: 'light' | 'dark'): Promise<Seen> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
    try {
      await page.setContent(html)
      await page.evaluate('document.querySelectorAll("details").forEach((each) => { each.open = true })')
      const scrollWidth = Number(await page.evaluate('document.documentElement.scrollWidth'))
      await page.evaluate(axe.source)
      const violations: unknown = await page.evaluate(
        'axe.run().then(({ violations }) => violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 200)))',
      )
      return { violations: (violations as readonly unknown[]).map(String), width: scrollWidth }
    } finally {
      await page.close()
    }
  }

  async function pageOf({ record, journal }: Drill): Promise<string> {
    const { operations, events, samples } = record
    const integrity = { manifestSha256: null, changed: [] }
    return renderHtml(await reportInput({ journal, operations, events, samples, integrity }))
  }

  for (const [name, drill] of Object.entries(drills))
    for (const [width, scheme] of [
      [1280, 'light'],
      [390, 'dark'],
      [390, 'light'],
    ] as const)
      test(`of a drill ${name} at ${width} px, ${scheme}`, async () => {
        const seen = await look(await pageOf(drill), width, scheme)
        assert.deepEqual(seen.violations, [])
        assert.ok(seen.width <= width, `expected no sideways scrolling at ${width} px, saw ${seen.width}`)
      })

  test('a page with a text that is hard to read is noticed', async () => {
    const spoiled = (await pageOf({ record: good, journal: measure(good) })).replace(
      '</style>',
      'p { color: #ccc !important }</style>',
    )
    assert.match((await look(spoiled, 1280, 'light')).violations.join('\n'), /color-contrast/)
  })
})
