// The dashboard in a real Chromium, on a real world: faults by key, a failover seen on the map, moves, a whole drill with its
// questions, and who is let in.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import Dockerode from 'dockerode'
import type { Browser, Page } from 'playwright-core'
import { dashboardAddress, type DashboardAddress } from '#gameday/dashboard/address.ts'
import { readLiveDrill } from '#gameday/live-drill.ts'
import { readJournal } from '#gameday/report/past-drill.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { findEndpoint } from '#world/docker-endpoint.ts'
import { removeWorld } from '#world/down.ts'
import { dashboardFile } from '#world/world-files.ts'
import { isAlive } from '#world/process-lock.ts'
import { openChromium } from '../integration/chromium.ts'
import { firedrill } from '../integration/firedrill.ts'
import { eventually } from '../integration/rig.ts'

const docker = new Dockerode(findEndpoint(loadHostConfig()).options)
const world = `test-dashboard-${randomBytes(3).toString('hex')}`
const slowMs = 120_000

let browser: Browser | null = null
let missing: string | null = null
let address: DashboardAddress = { pid: 0, port: 0, token: '' }
let page: Page

const origin = (): string => `http://127.0.0.1:${address.port}`

before(async () => {
  const opened = await openChromium()
  if ('missing' in opened) {
    missing = opened.missing
    return
  }
  browser = opened
  // That it returns at all shows that the dashboard keeps none of its pipes open.
  const { exitCode, stderr } = await firedrill('up', '--world', world)
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /dashboard: http:\/\/127\.0\.0\.1:\d+\/\?token=/)
  address = dashboardAddress.parse(JSON.parse(readFileSync(dashboardFile(world), 'utf8')))
  page = await (await opened.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
})

after(async () => {
  await browser?.close()
  const drill = await readLiveDrill(world)
  // A test that failed leaves its drill running, which would have the world busy and other tests slow.
  if (drill !== null && drill.state !== 'ended' && isAlive(drill.pid)) process.kill(drill.pid, 'SIGKILL')
  await removeWorld(docker, world)
})

function skipped(context: TestContext): boolean {
  if (missing !== null) context.skip(missing)
  return missing !== null
}

void test('a missing token, a foreign origin and a foreign host get 403', async (context) => {
  if (skipped(context)) return
  const authorization = `Bearer ${address.token}`
  for (const path of ['/', '/client/style.css', '/client/main.ts', '/api/state', '/api/live', '/report.html'])
    assert.equal((await fetch(origin() + path)).status, 403, path)
  const heal = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${origin()}/api/faults/none`, { method: 'DELETE', headers })).status
  assert.equal(await heal({ authorization }), 403)
  assert.equal(await heal({ authorization, origin: 'http://evil.example' }), 403)
  assert.equal(await heal({ origin: origin() }), 403)
  assert.equal(await heal({ authorization, origin: origin() }), 409)
})

void test('the page opens by its printed address, which it cleans of the token, and shows who is primary', async (context) => {
  if (skipped(context)) return
  await page.goto(`${origin()}/?token=${address.token}`)
  assert.equal(page.url(), `${origin()}/`)
  await page.locator('[data-region="a"][data-role="primary"]').waitFor({ timeout: slowMs })
  assert.equal(await page.evaluate<string>('document.cookie'), '')
})

void test('axe finds no serious fault, in light and dark, and nothing runs over the side at 1280 and 390 px', async (context) => {
  if (skipped(context)) return
  const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
  for (const [width, colorScheme] of [
    [1280, 'light'],
    [390, 'dark'],
    [390, 'light'],
    [1280, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme })
    await page.evaluate(axe)
    const found = await page.evaluate<{ readonly impact: string; readonly id: string }[]>(
      'axe.run().then((result) => result.violations.map(({ impact, id }) => ({ impact, id })))',
    )
    assert.deepEqual(
      found.filter(({ impact }) => impact === 'serious' || impact === 'critical'),
      [],
      `${width} px, ${colorScheme}`,
    )
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width, `${width} px`)
  }
  await page.setViewportSize({ width: 1280, height: 900 })
})

void test('busy links are shown to move, and nothing is drawn at the rate of the screen, which drills would pay for', async (context) => {
  if (skipped(context)) return
  await page.locator('.flow').first().waitFor({ state: 'attached', timeout: slowMs })
  const offset = (): Promise<string> =>
    page.evaluate<string>(`getComputedStyle(document.querySelector('.flow')).strokeDashoffset`)
  const before = await offset()
  await eventually('dots that go on', async () => (await offset()) !== before)
  assert.equal(await page.evaluate<number>('document.getAnimations().length'), 0)
})

void test('by key alone: a fault is refused at its field, injected, seen as a failover on the map, and healed', async (context) => {
  if (skipped(context)) return
  await page.keyboard.press('i')
  const dialog = page.locator('dialog[open]')
  await dialog.waitFor()
  // The first field is the kind, power-loss; the next its target.
  await page.keyboard.press('Tab')
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('region d')
  await page.keyboard.press('Enter')
  await dialog.locator('.problem').waitFor()
  assert.match((await dialog.locator('.problem').textContent()) ?? '', /expected "region X".*found "region d"/)
  // The focus is on what has to change.
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('region a')
  await page.keyboard.press('Tab')
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('10m')
  await page.keyboard.press('Enter')
  await page.locator('[data-fault].active').waitFor({ timeout: slowMs })
  await page.locator('[data-region="a"][data-role="dark"]').waitFor({ timeout: slowMs })
  await page.locator('[data-link="a>b"][data-condition="down"]').waitFor({ state: 'attached', timeout: slowMs })
  await page.locator('[data-region][data-role="primary"]:not([data-region="a"])').waitFor({ timeout: slowMs })
  const heal = page.locator('[data-fault].active button')
  await heal.focus()
  await page.keyboard.press('Enter')
  await page.locator('[data-fault].active').waitFor({ state: 'detached', timeout: slowMs })
  await page.locator('[data-region="a"][data-role="standby"]').waitFor({ timeout: slowMs })
})

void test('a failback needs a typed confirmation, and what the controllers refuse says why', async (context) => {
  if (skipped(context)) return
  await page.keyboard.press('b')
  const dialog = page.locator('dialog[open]')
  await dialog.waitFor()
  await page.keyboard.type('yes')
  await page.keyboard.press('Enter')
  assert.match((await dialog.locator('.problem').textContent()) ?? '', /expected .*"region a".*found "yes"/)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  const headers = { authorization: `Bearer ${address.token}`, origin: origin(), 'content-type': 'application/json' }
  const body = JSON.stringify({ kind: 'failback', confirm: world })
  // Refused until region a is caught up.
  await eventually(
    'a failback that is done',
    async () => {
      const reply = await fetch(`${origin()}/api/moves`, { method: 'POST', headers, body })
      const text = await reply.text()
      assert.ok(reply.status === 200 || /"reason":".+"/.test(text), text)
      return reply.status === 200
    },
    slowMs,
  )
  await page.locator('[data-region="a"][data-role="primary"]').waitFor({ timeout: slowMs })
})

void test('by key alone: a drill is started, asks and is answered, its failover is on the map, and its verdict and report are shown', async (context) => {
  if (skipped(context)) return
  await page.keyboard.press('d')
  const dialog = page.locator('dialog[open]')
  await dialog.waitFor()
  // A choice by its first letters; its parameters, target and refuge, are as they should be; the last field takes any other value.
  await page.keyboard.type('quarterly')
  for (const _ of ['target', 'refuge', 'set']) await page.keyboard.press('Tab')
  // No figure of speed is judged: machines differ. Orders fail once a failback takes longer than clients wait.
  await page.keyboard.type('objectives={ rpo: 0s }\nsteady-state-hypothesis.p99=<= 2s')
  await page.keyboard.type(
    '\nmethod[0].hold=5s\nmethod[3].hold=5s\nmethod[5].hold=5s\nmethod[7].expect={ failed: 1000 }',
  )
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'detached' })

  const approve = async (question: RegExp): Promise<void> => {
    await page.locator('#question').filter({ hasText: question }).waitFor({ timeout: slowMs })
    await page.keyboard.press('a')
    await page.keyboard.press('Enter')
    await page.locator('#question').filter({ hasText: question }).waitFor({ state: 'detached', timeout: slowMs })
  }
  await approve(/everybody here/)
  await approve(/about to lose/)
  await page.locator('[data-region="a"][data-role="dark"]').waitFor({ timeout: slowMs })
  await page.locator('[data-region][data-role="primary"]:not([data-region="a"])').waitFor({ timeout: slowMs })
  await approve(/has power again/)
  await approve(/All replicas stream/)
  await page.locator('[data-region="a"][data-role="primary"]').waitFor({ timeout: slowMs })
  await page.locator('[data-verdict]').waitFor({ timeout: slowMs })

  const drill = await readLiveDrill(world)
  assert.ok(drill !== null && drill.runbook === 'quarterly-game-day')
  const { verdict, objectives, checks } = await readJournal(drill.folder)
  const troubles = checks.filter(({ status }) => status !== 'pass')
  assert.equal(verdict, 'pass', JSON.stringify({ objectives, troubles }))
  assert.equal(await page.locator('[data-verdict]').getAttribute('data-verdict'), verdict)
  const reply = await page.request.get(`${origin()}/report.html`)
  assert.equal(await reply.text(), readFileSync(join(drill.folder, 'report.html'), 'utf8'))
  assert.match(reply.headers()['content-security-policy'] ?? '', /sandbox/)
})

void test('the server ends when its world has gone, and the page says so', async (context) => {
  if (skipped(context)) return
  assert.ok(isAlive(address.pid))
  assert.equal((await firedrill('down', '--world', world)).exitCode, 0)
  await page.locator('.connection.ended').waitFor({ timeout: slowMs })
  await eventually('the end of the server', () => Promise.resolve(!isAlive(address.pid)), slowMs)
  assert.ok(!existsSync(dashboardFile(world)))
})
