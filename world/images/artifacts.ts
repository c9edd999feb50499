// What builds take from outside the checkout, put into .firedrill/artifacts before them: Node's packages (cached by content), and
// the CA bundle of this machine.
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile, copyFile } from 'node:fs/promises'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostConfig } from '#runtime/config.ts'
import { artifactsFolder, checkout, npmCli } from '../checkout.ts'
import { lastLines, run } from '../child-process.ts'
import { EnvironmentError } from '../environment-error.ts'
import { isAlive } from '../process-lock.ts'
import { artifactStamp } from './context.ts'

export interface ArtifactRequest {
  /** Docker's architecture: `amd64`, `arm64`. */
  readonly arch: string
  readonly config: HostConfig
  readonly note: (text: string) => void
}

const makers: Readonly<Record<string, (request: ArtifactRequest) => Promise<void>>> = {
  runtime: bringRuntime,
  ca: bringCa,
}

/** @throws EnvironmentError if it can't be fetched */
export async function bringArtifact(name: string, options: ArtifactRequest): Promise<void> {
  const maker = makers[name]
  if (maker === undefined) throw new Error(`a Dockerfile copies the unknown artifact ${name}`)
  await maker(options)
}

/** Node, and the packages of the world's Node services, for Linux. */
async function bringRuntime({ arch, config, note }: ArtifactRequest): Promise<void> {
  const cpu = arch === 'amd64' || arch === 'x86_64' ? 'x64' : 'arm64'
  const manifest = join(checkout, 'services', 'runtime')
  const files = ['package.json', 'package-lock.json']
  const content = hashOf([cpu, ...files.map((file) => readFileSync(join(manifest, file), 'utf8'))])
  await makeOnce('runtime', content, async (folder) => {
    for (const file of files) await copyFile(join(manifest, file), join(folder, file))
    note('npm ci for Linux')
    const ended = await run(
      [
        process.execPath,
        npmCli,
        'ci',
        '--os=linux',
        `--cpu=${cpu}`,
        '--libc=glibc',
        '--omit=dev',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
      ],
      { cwd: folder, environment: config.environment, onLine: note },
    )
    if (ended.exitCode !== 0)
      throw new EnvironmentError(
        `npm could not bring the packages of the images: ${lastLines(ended.stderr, 1)}; check that the npm registry can be reached, then run the same command again`,
      )
    const modules = join(folder, 'node_modules')
    await rename(join(modules, `node-linux-${cpu}`, 'bin', 'node'), join(folder, 'node'))
    for (const entry of await readdir(modules))
      if (entry.startsWith('node-linux-') || entry === '.bin')
        await rm(join(modules, entry), { recursive: true, force: true })
    for (const file of files) await rm(join(folder, file))
  })
}

/** The CA bundle of this machine as `bundle.pem`, or nothing. */
async function bringCa({ config }: ArtifactRequest): Promise<void> {
  const bundle = trustedBundle(config.environment)
  // Always the same stamp: what is fetched with the bundle's help is verified by checksum, so no image depends on it.
  await replaceFolder('ca', 'any', async (folder) => {
    if (bundle !== null) await writeFile(join(folder, 'bundle.pem'), bundle)
  })
}

/** What programs on this machine trust by order of its user: where a proxy intercepts TLS, its CA is among it. */
export function trustedBundle(environment: HostConfig['environment']): string | null {
  for (const file of [environment['NODE_EXTRA_CA_CERTS'], environment['SSL_CERT_FILE']]) {
    const text = file === undefined ? '' : readable(file)
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  }
  return null
}

function readable(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}

async function makeOnce(name: string, content: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const stamp = join(artifactsFolder, name, artifactStamp)
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === content) return
  await replaceFolder(name, content, fill)
}

/**
 * Makes the folder beside its place and renames it when it is whole, so that a killed run leaves no half artifact. Each has a draft
 * of its own: another command may make the same one, if it does not see this one's lock (it has another temporary folder).
 */
export async function replaceFolder(
  name: string,
  content: string,
  fill: (folder: string) => Promise<void>,
  parent = artifactsFolder,
): Promise<void> {
  const folder = join(parent, name)
  await mkdir(parent, { recursive: true })
  await removeDeadDrafts(parent, name)
  const draft = await mkdtemp(`${draftPrefix(folder)}${process.pid}-`)
  try {
    // As mkdir makes them: the folder's own mode goes into the images.
    await chmod(draft, 0o755)
    await fill(draft)
    await writeFile(join(draft, artifactStamp), content)
    // Whoever comes last wins: a folder that appears between the two goes like the one before.
    for (let isThere = false; !isThere;) {
      await rm(folder, { recursive: true, force: true })
      isThere = await renamed(draft, folder)
    }
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

function draftPrefix(folder: string): string {
  return `${folder}.new-`
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}

/** Drafts of commands that were killed. */
async function removeDeadDrafts(parent: string, name: string): Promise<void> {
  const prefix = draftPrefix(name)
  for (const entry of await readdir(parent)) {
    if (!entry.startsWith(prefix) || isAlive(Number.parseInt(entry.slice(prefix.length), 10))) continue
    await rm(join(parent, entry), { recursive: true, force: true })
  }
}
