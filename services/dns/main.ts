// The authoritative DNS server of a region: `orders.firedrill.test` is the write region's app, `reads.orders.firedrill.test`
// the nearest ready one. It decides by checks of its own; PUT /write-region only makes it look again at once.
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { dnsFailure, dnsRenewal, type dnsStatus } from '#protocol/dns.ts'
import { writeRegion } from '#protocol/permit.ts'
import { isRegion, ports, regions, type Region } from '#protocol/sites.ts'
import { loadConfig, loadSecrets } from '#runtime/config.ts'
import { createControlListener } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { answerMessage, siteOfAddress } from './answer.ts'
import { chooseReadRegion, chooseWriteRegion, readableRegions } from './choice.ts'
import { Failure } from './failure.ts'
import { startHealthChecks } from './health.ts'
import { listenDns } from './listener.ts'

const config = loadConfig()
const { site } = config
if (!isRegion(site)) throw new Error(`environment variable FIREDRILL_SITE: expected a region, saw "${site}"`)
const secrets = await loadSecrets(config)
const log = createLog('dns', config.logLevel, { site })

let published: z.infer<typeof writeRegion> | null = null
let currentWriteRegion: Region = config.home
let readable: ReadonlySet<Region> = new Set(regions)
const failure = new Failure()

function decideAgain(): void {
  const health = checks.current()
  const before = currentWriteRegion
  currentWriteRegion = chooseWriteRegion(currentWriteRegion, health, published?.region ?? null)
  readable = readableRegions(readable, health)
  if (before !== currentWriteRegion) log.info({ from: before, to: currentWriteRegion }, 'write region changed')
}
const checks = startHealthChecks({ authority: (region) => `app.${region}:${ports.app}`, onChange: decideAgain, log })

await listenDns('0.0.0.0', ports.dns, (message, transport, askerAddress) => {
  if (failure.mode === 'silent') return 'silence'
  const asker = siteOfAddress(askerAddress, site, config.nets)
  const steering = failure.steering({ writeRegion: currentWriteRegion, readable })
  return answerMessage(message, transport, {
    asker,
    nets: config.nets,
    ttlS: config.dnsTtlS,
    writeRegion: steering.writeRegion,
    readRegion: chooseReadRegion(asker, steering.readable),
    fails: failure.mode === 'servfail',
  })
})

const control = createControlListener(secrets.control)
control.put('/write-region', async (incoming, reply) => {
  const parsed = writeRegion.safeParse(incoming.body)
  if (!parsed.success) {
    return reply.code(400).send({ error: 'malformed', reason: `expected a write region, saw: ${parsed.error.message}` })
  }
  if (published !== null && parsed.data.epoch < published.epoch) {
    return reply.code(409).send({
      error: 'stale-epoch',
      reason: `expected epoch ${published.epoch} or above, saw ${parsed.data.epoch}`,
    })
  }
  // Controllers tell it over and over; only news is a reason to look often.
  const isNews = !isDeepStrictEqual(published, parsed.data)
  published = parsed.data
  decideAgain()
  if (isNews) checks.hurry()
  return published
})
const status = (): z.infer<typeof dnsStatus> & Record<string, unknown> => ({
  writeRegion: currentWriteRegion,
  readable: [...readable],
  failing: failure.mode,
  published,
  health: checks.current(),
})
control.get('/status', async () => status())
control.put('/failure', async (incoming, reply) => {
  const parsed = dnsFailure.safeParse(incoming.body)
  if (!parsed.success) {
    return reply.code(400).send({ error: 'malformed', reason: `expected a failure, saw: ${parsed.error.message}` })
  }
  failure.begin(parsed.data, { writeRegion: currentWriteRegion, readable })
  log.info(parsed.data, 'failing')
  return status()
})
control.post('/failure/renew', async (incoming, reply) => {
  const parsed = dnsRenewal.safeParse(incoming.body)
  if (!parsed.success) {
    return reply.code(400).send({ error: 'malformed', reason: `expected a renewal, saw: ${parsed.error.message}` })
  }
  failure.renew(parsed.data.expiresInMs)
  return status()
})
control.delete('/failure', async () => {
  failure.end()
  log.info('failing no more')
  return status()
})
await control.listen({ host: '0.0.0.0', port: ports.control })
log.info({ ttlS: config.dnsTtlS }, 'answering')

process.on('SIGTERM', () => process.exit(0))
