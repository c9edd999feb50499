// The base image: FIREDRILL_BASE, else Debian's slim image from a registry, else one made here by mmdebstrap. Nothing else differs.
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import type { HostConfig } from '#runtime/config.ts'
import { lastLines } from '../child-process.ts'
import { canInstallPackages, findProgram, installPackages } from '../docker-set-up.ts'
import { EnvironmentError } from '../environment-error.ts'

const pulledBase = 'debian:trixie-slim'
const madeBase = 'firedrill-base:trixie'
const firstWordTimeoutMs = 15_000

/**
 * @returns the id of the base image
 * @throws EnvironmentError if it is neither there nor can be pulled or made
 */
export async function bringBase(docker: Dockerode, config: HostConfig, note: (text: string) => void): Promise<string> {
  if (config.base !== null) {
    const id =
      (await imageId(docker, config.base)) ??
      ((await pull(docker, config.base, note)) ? await imageId(docker, config.base) : null)
    if (id === null)
      throw new EnvironmentError(`FIREDRILL_BASE=${config.base}: no such image here, and it can't be pulled`)
    return id
  }
  const present = (await imageId(docker, pulledBase)) ?? (await imageId(docker, madeBase))
  if (present !== null) return present
  if (await pull(docker, pulledBase, note)) return required(docker, pulledBase)
  await make(docker, note)
  return required(docker, madeBase)
}

export async function imageId(docker: Dockerode, reference: string): Promise<string | null> {
  try {
    return (await docker.getImage(reference).inspect()).Id
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return null
    throw error
  }
}

async function required(docker: Dockerode, reference: string): Promise<string> {
  const id = await imageId(docker, reference)
  if (id === null) throw new Error(`image ${reference} vanished right after it was made`)
  return id
}

/** False if no registry answers in time or has it. */
async function pull(docker: Dockerode, reference: string, note: (text: string) => void): Promise<boolean> {
  note(`pulling ${reference}`)
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), firstWordTimeoutMs)
  try {
    const stream = (await docker.pull(reference, { abortSignal: abort.signal })) as Readable
    await new Promise<void>((resolve, reject) => {
      abort.signal.addEventListener('abort', () => {
        stream.destroy()
        reject(new Error('no word from the registry'))
      })
      docker.modem.followProgress(
        stream,
        (error) => (error === null ? resolve() : reject(error)),
        (event: { status?: string }) => {
          clearTimeout(timer)
          note(event.status ?? '')
        },
      )
    })
    return true
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}

async function make(docker: Dockerode, note: (text: string) => void): Promise<void> {
  if (findProgram('mmdebstrap') === null) {
    if (!canInstallPackages())
      throw new EnvironmentError(
        `no registry has answered for ${pulledBase}; install mmdebstrap (sudo apt-get install mmdebstrap) and run as root, or name an image of Debian trixie with FIREDRILL_BASE`,
      )
    await installPackages(['mmdebstrap'], note)
  }
  if (process.getuid?.() !== 0)
    throw new EnvironmentError(
      `no registry has answered for ${pulledBase}, and making it needs root: run ./firedrill build once with sudo, or name an image of Debian trixie with FIREDRILL_BASE`,
    )
  note('making Debian trixie with mmdebstrap')
  const argv = ['--variant=minbase', '--aptopt=Acquire::Retries "3"', 'trixie', '-']
  const child = spawn('mmdebstrap', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString()
    note(lastLines(words, 1))
  })
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', (code) => resolve(code ?? 1))
  })
  const [repo, tag] = madeBase.split(':')
  const imported = (await docker.importImage(child.stdout, { repo, tag })) as unknown as Readable
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(imported, (error) => (error === null ? resolve() : reject(error)))
  })
  if ((await ended) !== 0) {
    await docker.getImage(madeBase).remove({ force: true })
    throw new EnvironmentError(`mmdebstrap failed: ${lastLines(words, 1)}; check that Debian's packages can be reached`)
  }
}
