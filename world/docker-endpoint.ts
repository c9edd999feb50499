// Where Docker listens: DOCKER_HOST, else the endpoint of the current `docker context`, as the docker command itself decides.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { DockerOptions } from 'dockerode'
import { z } from 'zod'
import type { HostConfig } from '#runtime/config.ts'
import { EnvironmentError } from './environment-error.ts'

export interface Endpoint {
  /** As DOCKER_HOST states it, e.g. `unix:///var/run/docker.sock`. */
  readonly host: string
  readonly context: string
  readonly options: DockerOptions
}

const defaultHost = 'unix:///var/run/docker.sock'
const contextMeta = z.object({ Endpoints: z.object({ docker: z.object({ Host: z.string() }) }) })

/** @throws EnvironmentError for a context that does not exist or an address of an unknown kind */
export function findEndpoint(config: HostConfig): Endpoint {
  if (config.dockerHost !== null) {
    const tls = config.environment['DOCKER_CERT_PATH']
    return { host: config.dockerHost, context: 'DOCKER_HOST', options: optionsOf(config.dockerHost, tls ?? null) }
  }
  const folder = config.dockerConfigFolder ?? join(homedir(), '.docker')
  const context = config.dockerContext ?? currentContext(join(folder, 'config.json'))
  if (context === 'default') return { host: defaultHost, context, options: optionsOf(defaultHost, null) }
  const id = createHash('sha256').update(context).digest('hex')
  const metaFile = join(folder, 'contexts', 'meta', id, 'meta.json')
  if (!existsSync(metaFile))
    throw new EnvironmentError(
      `Docker context ${context} does not exist (expected ${metaFile}); choose another with: docker context use default`,
    )
  const host = contextMeta.parse(JSON.parse(readFileSync(metaFile, 'utf8'))).Endpoints.docker.Host
  const tls = join(folder, 'contexts', 'tls', id, 'docker')
  return { host, context, options: optionsOf(host, existsSync(tls) ? tls : null) }
}

function currentContext(configFile: string): string {
  if (!existsSync(configFile)) return 'default'
  const parsed = z.object({ currentContext: z.string().optional() }).safeParse(readJson(configFile))
  if (!parsed.success) throw new EnvironmentError(`${configFile} is not what Docker writes there; mend or remove it`)
  return parsed.data.currentContext ?? 'default'
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

function optionsOf(host: string, tlsFolder: string | null): DockerOptions {
  const url = new URL(host.replace(/^npipe:\/*/, 'npipe:///'))
  if (url.protocol === 'unix:' || url.protocol === 'npipe:') {
    return { socketPath: url.protocol === 'unix:' ? url.pathname : `//${url.pathname.replace(/^\/*/, '')}` }
  }
  if (url.protocol !== 'tcp:' && url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new EnvironmentError(
      `Docker at ${host}: expected unix://, npipe:// or tcp://; set DOCKER_HOST to such an address`,
    )
  const read = (name: string): string => readFileSync(join(tlsFolder ?? '', name), 'utf8')
  const certificates =
    tlsFolder === null
      ? {}
      : { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), protocol: 'https' as const }
  return { host: url.hostname, port: url.port === '' ? 2375 : Number(url.port), ...certificates }
}
