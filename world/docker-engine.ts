// The Docker engine: reached, checked, and on a bare Debian machine installed and started.
import Dockerode from 'dockerode'
import type { HostConfig } from '#runtime/config.ts'
import { type Endpoint, findEndpoint } from './docker-endpoint.ts'
import { installDocker, isDockerInstalled, startDaemon } from './docker-set-up.ts'
import { unsupportedFaults, type EngineInfo, type UnsupportedFault } from './fault-support.ts'
import { EnvironmentError } from './environment-error.ts'

export interface Engine {
  readonly docker: Dockerode
  readonly endpoint: Endpoint
  readonly version: string
  /** As Docker names it: `amd64`, `arm64`. */
  readonly arch: string
  /** Memory and processors that containers have. */
  readonly memoryBytes: number
  readonly processors: number
  readonly unsupportedFaults: readonly UnsupportedFault[]
}

export type EngineState =
  | { readonly state: 'ready'; readonly engine: Engine }
  | {
      readonly state: 'missing' | 'stopped' | 'denied' | 'too-old' | 'unusable'
      readonly reason: string
      readonly mend: string
    }

const oldestVersion = [20, 10] as const

/** Docker as configured, whether it answers now or not. */
export function dockerOf(config: HostConfig): Dockerode {
  return new Dockerode(findEndpoint(config).options)
}

/** Looks only; changes nothing. */
export async function probeEngine(config: HostConfig): Promise<EngineState> {
  const endpoint = findEndpoint(config)
  const docker = new Dockerode(endpoint.options)
  try {
    const [version, info] = await withDeadline(Promise.all([docker.version(), docker.info()]), 10_000)
    const [major = 0, minor = 0] = version.Version.split('.').map((part) => Number.parseInt(part, 10))
    if (major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1])) {
      const reason = `Docker Engine ${version.Version} is too old, expected 20.10 or newer`
      return { state: 'too-old', reason, mend: 'upgrade Docker, see docs.docker.com/engine/install' }
    }
    if (info.OSType !== 'linux') {
      const reason = `Docker runs ${String(info.OSType)} containers, expected Linux containers`
      return { state: 'unusable', reason, mend: 'switch Docker Desktop to Linux containers' }
    }
    return {
      state: 'ready',
      engine: {
        docker,
        endpoint,
        version: version.Version,
        arch: version.Arch,
        memoryBytes: Number(info.MemTotal),
        processors: Number(info.NCPU),
        unsupportedFaults: unsupportedFaults(info as EngineInfo),
      },
    }
  } catch (error) {
    return explain(error as NodeJS.ErrnoException, endpoint)
  }
}

/**
 * Docker, ready for use. As root on Debian it is installed if it is missing, and started if it does not run; `say` is told first.
 * @throws EnvironmentError with the command that mends it
 */
export async function connectEngine(config: HostConfig, say: (line: string) => void): Promise<Engine> {
  let seen = await probeEngine(config)
  if (seen.state === 'missing' && (await installDocker(say))) seen = await probeEngine(config)
  if ((seen.state === 'stopped' || seen.state === 'missing') && isDockerInstalled()) {
    const answers = async (): Promise<boolean> => (await probeEngine(config)).state === 'ready'
    if (await startDaemon(answers, say)) seen = await probeEngine(config)
  }
  if (seen.state !== 'ready') throw new EnvironmentError(`${seen.reason}; ${seen.mend}`)
  return seen.engine
}

function explain(error: NodeJS.ErrnoException, endpoint: Endpoint): EngineState {
  const where = `Docker at ${endpoint.host}`
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return {
      state: 'denied',
      reason: `no permission for ${where}`,
      mend: 'run: sudo usermod -aG docker $USER, then log in anew; or run this command with sudo',
    }
  const local = endpoint.host.startsWith('unix:') && endpoint.context === 'default'
  if (local && !isDockerInstalled())
    return { state: 'missing', reason: `Docker is missing (nothing answers at ${endpoint.host})`, mend: howToInstall() }
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
    return {
      state: local ? 'stopped' : 'unusable',
      reason: `${where} (context ${endpoint.context}) does not answer`,
      mend: local ? howToStart() : 'start it, or choose another with: docker context use default',
    }
  return { state: 'unusable', reason: `${where} failed: ${error.message}`, mend: 'see: docker info' }
}

function howToInstall(): string {
  if (process.platform === 'darwin') return 'install Docker Desktop or colima: brew install --cask docker'
  return 'install it: sudo apt-get install docker.io docker-compose (Debian, Ubuntu), else see docs.docker.com/engine/install'
}

function howToStart(): string {
  if (process.platform === 'darwin') return 'start Docker Desktop: open -a Docker'
  return 'start it: sudo systemctl start docker (or sudo service docker start)'
}

async function withDeadline<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
