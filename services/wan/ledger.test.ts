// The ledger on disk: renewing and marking change what is there, and bring nothing back.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createLog } from '#runtime/log.ts'
import { FenceDevice } from './fence-device.ts'
import { Ledger } from './ledger.ts'
import { Links } from './links.ts'
import { createSharedMemory, SharedTable } from './shared-table.ts'

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'firedrill-ledger-'))
  context.after(() => rmSync(path, { recursive: true }))
  return path
}
const entry = { id: 'd.x', drill: 'd', kind: 'freeze', target: 'region a', detail: {}, injectedNs: '1', expiresNs: '2' }

void test('a renewal and a mark are on disk, and change nothing of an entry that is not there', (context) => {
  const file = join(folder(context), 'ledger.json')
  const ledger = new Ledger(file)
  assert.equal(ledger.renew('d.x', 9n), false)
  ledger.markHealing('d.x')
  assert.deepEqual(ledger.entries(), [])
  ledger.put(entry)
  assert.equal(ledger.renew('d.x', 9n), true)
  ledger.markHealing('d.x')
  const [kept] = new Ledger(file).entries()
  const { healingNs = '', ...rest } = kept ?? {}
  assert.deepEqual(rest, { ...entry, expiresNs: '9', healing: true })
  assert.ok(BigInt(healingNs) > 0n)
  ledger.markHealing('d.x')
  assert.equal(ledger.entries()[0]?.healingNs, healingNs, 'a heal that is asked again began when it began')
})

void test('what was removed is told as it was, with the time, oldest first, and only the latest', (context) => {
  const ledger = new Ledger(join(folder(context), 'ledger.json'))
  ledger.delete('d.x')
  assert.deepEqual(ledger.history(), { entries: [], past: [] })
  for (let index = 0; index < 201; index += 1) {
    ledger.put({ ...entry, id: `d.${index}` })
    ledger.markHealing(`d.${index}`)
    ledger.delete(`d.${index}`)
  }
  const { entries, past } = ledger.history()
  assert.deepEqual([entries.length, past.length, past[0]?.entry.id, past.at(-1)?.entry.id], [0, 200, 'd.1', 'd.200'])
  assert.ok(
    past.every((each) => each.entry.healing === true && BigInt(each.goneNs) >= BigInt(each.entry.healingNs ?? 0)),
  )
})

void test('the break of the fence device is renewed by its id alone, and its end is told', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const log = createLog('wan', 'silent', {})
  const links = new Links(new SharedTable(createSharedMemory()), log)
  const device = new FenceDevice(join(folder(context), 'fence.json'), links, log)
  device.break({ id: 'one', mode: 'silent', expiresInMs: 1000 })
  device.renew('other', 60_000)
  device.renew('one', 5000)
  context.mock.timers.tick(4999)
  assert.deepEqual([device.state().broken, device.state().brokenBy], ['silent', 'one'])
  context.mock.timers.tick(1)
  device.renew('one', 5000)
  assert.equal(device.state().broken, null)
  device.break({ id: 'two', mode: 'refuse' })
  device.mend()
  assert.deepEqual(
    device.state().ended.map(({ id, why }) => [id, why]),
    [
      ['one', 'expired'],
      ['two', 'removed'],
    ],
  )
})
