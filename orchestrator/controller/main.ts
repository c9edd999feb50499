// The controller's process: wires configuration, ports and core together.
import { randomUUID } from 'node:crypto'
import { ordersDataSet } from '#protocol/epoch.ts'
import { isRegion, ports, type Region, regions } from '#protocol/sites.ts'
import { loadConfig, loadSecrets } from '#runtime/config.ts'
import { monotonicMs } from '#runtime/clock.ts'
import { Etcd } from '#runtime/etcd.ts'
import { WarmConnections } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import type { Settings } from '../core/settings.ts'
import { Beats } from '../health/beats.ts'
import { createLocalProbes } from '../health/probes.ts'
import { Calls } from '../promotion/calls.ts'
import { EpochStore } from '../promotion/epoch-store.ts'
import { Publisher } from '../steering/publish.ts'
import { Controller } from './controller.ts'
import { Events } from './events.ts'
import { createServer } from './server.ts'

const config = loadConfig()
if (!isRegion(config.site))
  throw new Error(`FIREDRILL_SITE: expected a region (a, b, c) for a controller, saw ${config.site}`)
const region = config.site
const log = createLog('controller', config.logLevel, { site: region })
const secrets = await loadSecrets(config)
const settings: Settings = Object.freeze({
  regions,
  region,
  incarnation: randomUUID(),
  dataSet: ordersDataSet,
  home: config.home,
  commit: config.commit,
  maxLossMs: config.maxLossMs,
  acceptDataLoss: config.acceptDataLoss,
})

const etcdOf = (each: Region): string => `etcd.${each}:${ports.etcd}`
// The own member is asked first.
const members = [region, ...regions.filter((each) => each !== region)]
const connections = new WarmConnections()
const events = new Events(region, settings.dataSet, log)
const beats = await Beats.open({
  region,
  nets: config.nets,
  key: secrets.control,
  onBeat: (beat) => controller.heard(beat),
})
const controller: Controller = new Controller(settings, {
  beats,
  calls: new Calls({
    dataSet: settings.dataSet,
    commit: settings.commit,
    controlToken: secrets.control,
    fenceToken: secrets.fence,
    connections,
  }),
  store: new EpochStore(new Etcd(members.map(etcdOf), monotonicMs), settings.dataSet, etcdOf),
  publisher: new Publisher({
    dataSet: settings.dataSet,
    token: secrets.control,
    connections,
    onTaken: (epoch, primary) => controller.steered(epoch, primary),
    onFailed: (host, reason) => log.debug({ host, reason }, 'not told'),
  }),
  probes: createLocalProbes(region),
  events,
  log,
})
const server = createServer({ settings, token: secrets.control, controller, events })
await server.listen({ host: '0.0.0.0', port: ports.control })
controller.start()
log.info({ incarnation: settings.incarnation, home: settings.home, commit: settings.commit }, 'controller is up')

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0))
