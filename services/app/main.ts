// The order service's process.
import { isRegion, ports } from '#protocol/sites.ts'
import { loadConfig, loadSecrets } from '#runtime/config.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { createLog } from '#runtime/log.ts'
import { Session } from '#runtime/postgres.ts'
import { App } from './app.ts'

const config = loadConfig()
const { site } = config
if (!isRegion(site)) throw new Error(`environment variable FIREDRILL_SITE: expected a region, saw "${site}"`)
const secrets = await loadSecrets(config)
const log = createLog('app', config.logLevel, { site })
const app = new App({
  region: site,
  commit: config.commit,
  token: secrets.control,
  log,
  openPostgres: async (duty) =>
    await Session.open({
      host: `postgres.${site}`,
      port: ports.postgres,
      user: 'firedrill',
      password: secrets.postgres,
      database: 'firedrill',
      applicationName: `firedrill-app-${duty}`,
      connectTimeoutMs: 1000,
    }),
  openKafka,
  kafka: `kafka.${site}:${ports.kafka}`,
  redis: `redis.${site}:${ports.redis}`,
  bridge: (region) => `bridge.${region}:${ports.control}`,
  app: (region) => `app.${region}:${ports.app}`,
})
await app.controlListener.listen({ host: '0.0.0.0', port: ports.control })
await app.publicListener.listen({ host: '0.0.0.0', port: ports.app })
app.start()
log.info({ commit: config.commit }, 'taking orders')

process.on('SIGTERM', () => process.exit(0))
