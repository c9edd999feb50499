// Looks at the machine for `doctor`: engine, compose, images, room, worlds.
import { statfsSync, existsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { faultKinds } from '#protocol/faults.ts'
import type { HostConfig } from '#runtime/config.ts'
import { checkout } from './checkout.ts'
import { findCompose } from './compose.ts'
import { type Engine, probeEngine } from './docker-engine.ts'
import { canInstallPackages, findProgram } from './docker-set-up.ts'
import { imageNames } from './images/build-images.ts'
import { imageId } from './images/base.ts'
import { listWorlds } from './world-containers.ts'

export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'problem'
  readonly what: string
  /** The command that mends it, or null. */
  readonly mend: string | null
}

const gibibyte = 2 ** 30
const neededMemoryBytes = 3 * gibibyte
const neededDiskBytes = 5 * gibibyte

export async function examine(config: HostConfig): Promise<readonly Finding[]> {
  const ok = (what: string): Finding => ({ verdict: 'ok', what, mend: null })
  const findings: Finding[] = [ok(`Node ${process.version} on ${process.platform} ${process.arch}`)]
  const engineState = await probeEngine(config)
  if (engineState.state === 'ready') {
    const { engine } = engineState
    findings.push(ok(`Docker Engine ${engine.version} at ${engine.endpoint.host} (context ${engine.endpoint.context})`))
    findings.push(...engineRoom(engine), ...faultFindings(engine), ...(await imageFindings(engine)))
    const worlds = await listWorlds(engine.docker)
    findings.push(ok(worlds.length === 0 ? 'no world is up' : `worlds: ${worlds.join(', ')}`))
  } else {
    const self = engineState.state === 'missing' || engineState.state === 'stopped'
    const byItself = self && canInstallPackages()
    findings.push({
      verdict: byItself ? 'warning' : 'problem',
      what: engineState.reason,
      mend: byItself ? './firedrill up does it (as root)' : engineState.mend,
    })
  }
  findings.push(await composeFinding(config))
  const { bavail, bsize } = statfsSync(checkout)
  findings.push(room('disk', bavail * bsize, neededDiskBytes, 'docker system df; docker image prune'))
  if (!existsSync('/dev/net/tun') && process.platform === 'linux')
    findings.push({ verdict: 'problem', what: '/dev/net/tun is missing, the WAN needs it', mend: 'sudo modprobe tun' })
  return findings
}

function engineRoom(engine: Engine): Finding[] {
  const memory = engine.memoryBytes > 0 ? engine.memoryBytes : totalmem()
  const processors: Finding = {
    verdict: engine.processors >= 2 ? 'ok' : 'warning',
    what: `${engine.processors} processors for containers`,
    mend: engine.processors >= 2 ? null : 'give Docker at least 2, figures would be those of a busy machine',
  }
  return [
    processors,
    room('memory for containers', memory, neededMemoryBytes, 'give Docker or the machine more memory'),
  ]
}

function room(what: string, seenBytes: number, neededBytes: number, mend: string): Finding {
  const enough = seenBytes >= neededBytes
  const size = `${(seenBytes / gibibyte).toFixed(1)} GiB ${what}`
  return {
    verdict: enough ? 'ok' : 'problem',
    what: enough ? size : `${size}, expected ${neededBytes / gibibyte} GiB`,
    mend: enough ? null : mend,
  }
}

function faultFindings({ unsupportedFaults }: Engine): readonly Finding[] {
  if (unsupportedFaults.length === 0)
    return [{ verdict: 'ok', what: `all ${faultKinds.length} kinds of faults can be done`, mend: null }]
  const mend = 'use a Docker that may (see docs.docker.com/engine/security/rootless), or leave these faults out'
  return unsupportedFaults.map(({ kind, reason }) => ({
    verdict: 'warning',
    what: `fault ${kind} can't be done: ${reason}`,
    mend,
  }))
}

async function imageFindings(engine: Engine): Promise<Finding[]> {
  const present = await Promise.all(imageNames.map(async (name) => imageId(engine.docker, `firedrill-${name}:latest`)))
  const missing = imageNames.filter((_, index) => present[index] === null)
  if (missing.length === 0) return [{ verdict: 'ok', what: `${imageNames.length} images are there`, mend: null }]
  return [{ verdict: 'warning', what: `images not built yet: ${missing.join(', ')}`, mend: './firedrill build' }]
}

async function composeFinding(config: HostConfig): Promise<Finding> {
  const compose = await findCompose(config)
  if (compose !== null) return { verdict: 'ok', what: `${compose.command.join(' ')} ${compose.version}`, mend: null }
  const mend =
    findProgram('apt-get') === null ? 'see docs.docker.com/compose/install' : 'sudo apt-get install docker-compose'
  return { verdict: canInstallPackages() ? 'warning' : 'problem', what: 'docker compose is missing', mend }
}
