// Takes the pictures of docs/pictures: the dashboard in the midst of region-loss, and the report of that same drill, at 1280 and 390 px,
// light and dark. `npm run pictures`; it makes and removes a world of its own.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { dashboardAddress } from '#gameday/dashboard/address.ts'
import { readLiveDrill } from '#gameday/live-drill.ts'
import { checkout } from '#world/checkout.ts'
import { dashboardFile } from '#world/world-files.ts'
import { openChromium } from './integration/chromium.ts'
import { firedrill } from './integration/firedrill.ts'

const world = 'pictures'
const folder = join(checkout, 'docs', 'pictures')
const slowMs = 300_000
const looks = [
  { name: '1280-light', width: 1280, colorScheme: 'light' },
  { name: '1280-dark', width: 1280, colorScheme: 'dark' },
  { name: '390-light', width: 390, colorScheme: 'light' },
  { name: '390-dark', width: 390, colorScheme: 'dark' },
] as const

/** A page for each look, all on one address. */
async function openAll(browser: Browser, address: string, height: number): Promise<readonly Page[]> {
  return Promise.all(
    looks.map(async ({ width, colorScheme }) => {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme })
      const page = await context.newPage()
      await page.goto(address)
      return page
    }),
  )
}

async function takeAll(pages: readonly Page[], what: string): Promise<void> {
  for (const [index, { name }] of looks.entries())
    await pages[index]?.screenshot({ path: join(folder, `${what}-${name}.png`) })
}

async function takeBoth(browser: Browser): Promise<void> {
  const up = await firedrill('up', '--world', world)
  assert.equal(up.exitCode, 0, up.stderr)
  const { port, token } = dashboardAddress.parse(JSON.parse(readFileSync(dashboardFile(world), 'utf8')))
  const pages = await openAll(browser, `http://127.0.0.1:${port}/?token=${token}`, 1250)
  const [first] = pages
  assert.ok(first !== undefined)
  await first.locator('[data-region="a"][data-role="primary"]').waitFor({ timeout: slowMs })
  await first.keyboard.press('d')
  await first.locator('dialog[open]').waitFor()
  await first.locator('dialog[open] button[type=submit]').click()
  await first.locator('[data-fault].active').waitFor({ timeout: slowMs })
  await Promise.all(
    pages.map((page) =>
      page.locator('[data-region][data-role="primary"]:not([data-region="a"])').waitFor({ timeout: slowMs }),
    ),
  )
  await takeAll(pages, 'dashboard')
  await first.locator('[data-verdict]').waitFor({ timeout: slowMs })
  const drill = await readLiveDrill(world)
  assert.equal(drill?.verdict, 'pass')
  await takeAll(await openAll(browser, pathToFileURL(join(drill.folder, 'report.html')).href, 1700), 'report')
}

const browser = await openChromium()
if ('missing' in browser) throw new Error(browser.missing)
mkdirSync(folder, { recursive: true })
try {
  await takeBoth(browser)
} finally {
  await browser.close()
  await firedrill('down', '--world', world)
}
