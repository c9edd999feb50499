// The bridge's process: copies the other regions' orders into this region's Kafka, and tells how far it is.
import { writeRegion } from '#protocol/permit.ts'
import { isRegion, ports } from '#protocol/sites.ts'
import { loadConfig, loadSecrets } from '#runtime/config.ts'
import { createControlListener } from '#runtime/http.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { createLog } from '#runtime/log.ts'
import { Bridge } from './bridge.ts'

const config = loadConfig()
const { site } = config
if (!isRegion(site)) throw new Error(`environment variable FIREDRILL_SITE: expected a region, saw "${site}"`)
const secrets = await loadSecrets(config)
const log = createLog('bridge', config.logLevel, { site })
const bridge = new Bridge({ region: site, open: openKafka, log })

const control = createControlListener(secrets.control)
control.get('/positions', async () => bridge.positions())
control.put('/write-region', async (incoming, reply) => {
  const parsed = writeRegion.safeParse(incoming.body)
  if (!parsed.success) {
    return reply.code(400).send({ error: 'malformed', reason: `expected a write region, saw: ${parsed.error.message}` })
  }
  if (!bridge.learnEpoch(parsed.data.epoch)) {
    const reason = `expected epoch ${bridge.positions().epoch} or above, saw ${parsed.data.epoch}`
    return reply.code(409).send({ error: 'stale-epoch', reason })
  }
  return parsed.data
})
await control.listen({ host: '0.0.0.0', port: ports.control })
bridge.start()
log.info('bridging')

process.on('SIGTERM', () => process.exit(0))
