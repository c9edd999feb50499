// Interfaces are known by their addresses; CONNECT targets by host, site and port.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sites } from '#protocol/sites.ts'
import { connectTarget } from './connect.ts'
import { foreignBlocks, sortInterfaces, wanAddress } from './network.ts'

const nets = ['198.19.0', '198.19.1', '198.19.2', '198.19.3', '198.19.4', '198.19.5']
const inSites = sites.map((site, index) => ({ name: `eth${7 - index}`, address: wanAddress(nets, site) }))

void test('interfaces are told apart whatever their order', () => {
  const outOfBand = { name: 'eth0', address: '172.20.0.2' }
  const found = sortInterfaces([outOfBand, ...inSites.toReversed()], nets)
  assert.equal(found.sites.b.address, '198.19.1.62')
  assert.deepEqual(found.outOfBand, outOfBand)
})

void test('a missing interface is named', () => {
  assert.throws(() => sortInterfaces(inSites.slice(1), nets), /expected .* 198\.19\.0\.30 in site a, saw .*attach/)
  assert.throws(() => sortInterfaces(inSites, nets), /expected one out-of-band interface .*saw 0/)
})

void test('every site routes every other site and not itself', () => {
  const blocks = foreignBlocks(nets)
  assert.equal(blocks.length, 30)
  assert.ok(blocks.some(({ block }) => block === '198.19.1.0/27'))
  assert.ok(!blocks.some(({ block }) => block === '198.19.1.32/27'))
})

void test('CONNECT targets', () => {
  assert.deepEqual(connectTarget('postgres.b:5432', nets), {
    host: '198.19.1.34',
    port: 5432,
    localAddress: '198.19.1.62',
  })
  assert.equal(connectTarget('client.na:9000', nets).host, '198.19.3.97')
  assert.throws(() => connectTarget('postgres.zz:5432', nets), /site: expected <host>\.<site>:<port>/)
  assert.throws(() => connectTarget('toString.a:5432', nets), /expected/)
  assert.throws(() => connectTarget('mysql.a:5432', nets), /host: expected one of app, .* saw mysql/)
  assert.throws(() => connectTarget('client.a:9000', nets), /host: expected one of app/)
  assert.throws(() => connectTarget('postgres.a:70000', nets), /port/)
})
