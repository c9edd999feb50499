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

/** One page in all looks: several would take the world's processors from it. */
async function takeAll(page: Page, what: string, height: number): Promise<void> {
  for (const { name, width, colorScheme } of looks) {
    await page.setViewportSize({ width, height })
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: join(folder, `${what}-${name}.png`) })
  }
}

async function takeBoth(browser: Browser): Promise<void> {
  const up = await firedrill('up', '--world', world)
  assert.equal(up.exitCode, 0, up.stderr)
  const { port, token } = dashboardAddress.parse(JSON.parse(readFileSync(dashboardFile(world), 'utf8')))
  const page = await browser.newPage({ viewport: { width: 1280, height: 1250 } })
  await page.goto(`http://127.0.0.1:${port}/?token=${token}`)
  await page.locator('[data-region="a"][data-role="primary"]').waitFor({ timeout: slowMs })
  await page.keyboard.press('d')
  await page.locator('dialog[open] button[type=submit]').click()
  await page.locator('[data-fault].active').waitFor({ timeout: slowMs })
  await page.locator('[data-region][data-role="primary"]:not([data-region="a"])').waitFor({ timeout: slowMs })
  await page.locator('[data-region="a"][data-role="dark"]').waitFor({ timeout: slowMs })
  await takeAll(page, 'dashboard', 1250)
  await page.locator('[data-verdict]').waitFor({ timeout: slowMs })
  const drill = await readLiveDrill(world)
  assert.equal(drill?.verdict, 'pass')
  await page.goto(pathToFileURL(join(drill.folder, 'report.html')).href)
  await takeAll(page, 'report', 1700)
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
