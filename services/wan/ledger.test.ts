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
  assert.deepEqual(new Ledger(file).entries(), [{ ...entry, expiresNs: '9', healing: true }])
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
