// The WAN's container: makes the world's secrets, sets the network up, starts the data plane, then listens: the fence device in
// each site, the way in on the out-of-band network.
import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { holdsFile } from '#protocol/holds.ts'
import { ports, sites } from '#protocol/sites.ts'
import { loadSecrets, loadWorldConfig } from '#runtime/config.ts'
import { createLog } from '#runtime/log.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { DataPlaneStart } from './data-plane.ts'
import { createOnce } from './durable.ts'
import { createFenceListener, FenceDevice } from './fence-device.ts'
import { Holds } from './holds.ts'
import { Ledger } from './ledger.ts'
import { Links } from './links.ts'
import { checkSysctls, configureNetwork, findInterfaces, tunDeviceName } from './network.ts'
import { createSharedMemory, SharedTable } from './shared-table.ts'
import { openTun } from './tun.ts'
import { createWayIn } from './way-in.ts'

const stateFolder = '/var/lib/firedrill/wan'
const interfacesTimeoutMs = 10_000

const config = loadWorldConfig()
const log = createLog('wan', config.logLevel, { world: config.world })

function end(reason: string, exitCode: number): void {
  log[exitCode === 0 ? 'info' : 'fatal']({ reason }, 'wan ends')
  process.exit(exitCode)
}

function newSecret(): string {
  return randomBytes(32).toString('hex')
}

async function start(): Promise<void> {
  const secretsText = (): string => JSON.stringify({ control: newSecret(), fence: newSecret(), postgres: newSecret() })
  // Readable by all: each container runs its server as a user of its own.
  createOnce(config.secretsFile, secretsText, 0o644)
  const secrets = await loadSecrets(config)
  const tokenFile = `${stateFolder}/token`
  const token = createOnce(tokenFile, newSecret, 0o600).trim()

  checkSysctls()
  const interfaces = await findInterfaces(config.nets, interfacesTimeoutMs)
  const fd = openTun(tunDeviceName)
  await configureNetwork(config.nets, interfaces)

  const memory = createSharedMemory()
  const links = new Links(new SharedTable(memory), log)
  const device = new FenceDevice(`${stateFolder}/fence.json`, links, log)
  const ledger = new Ledger(`${stateFolder}/ledger.json`)
  const workerData: DataPlaneStart = { memory, fd, nets: config.nets, seed: randomBytes(4).readInt32LE() }
  const worker = new Worker(new URL('data-plane.ts', import.meta.url), { workerData })
  worker.on('error', (error) => end(`the data plane failed: ${String(error)}`, 1))
  worker.on('exit', () => end('the data plane ended', 1))

  for (const site of sites) {
    const listener = createFenceListener({ device, links, token: secrets.fence, fencePath: config.fencePath })
    await listener.listen({ host: interfaces.sites[site].address, port: ports.control })
  }
  const holds = new Holds(holdsFile, () => performance.now())
  const wayIn = createWayIn({ token, tokenFile, nets: config.nets, links, device, ledger, holds, log })
  await wayIn.listen({ host: interfaces.outOfBand.address, port: ports.wayIn })
  log.info({ interfaces, wayInPort: ports.wayIn }, 'wan is up')
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal, 0))
start().catch((error: unknown) => end(messageOf(error), 1))
