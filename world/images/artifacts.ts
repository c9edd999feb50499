// What builds take from package registries, fetched before them and cached by content in .firedrill/artifacts.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile, copyFile } from 'node:fs/promises'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { request } from 'undici'
import { z } from 'zod'
import type { HostConfig } from '#runtime/config.ts'
import { artifactsFolder, checkout, npmCli } from '../checkout.ts'
import { lastLines, run } from '../child-process.ts'
import { EnvironmentError } from '../environment-error.ts'
import { artifactStamp } from './context.ts'

const defaultMaven = 'https://repo1.maven.org/maven2'
const sideBySide = 8
const attempts = 3

export interface ArtifactRequest {
  /** Docker's architecture: `amd64`, `arm64`. */
  readonly arch: string
  readonly config: HostConfig
  readonly note: (text: string) => void
}

const makers: Readonly<Record<string, (request: ArtifactRequest) => Promise<void>>> = {
  runtime: bringRuntime,
  kafka: bringKafka,
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

const jar = z.object({ path: z.string(), sha256: z.string(), bytes: z.number() })

/** Kafka's jars by their lock file, from Maven Central or FIREDRILL_MAVEN, each one verified. */
async function bringKafka({ config, note }: ArtifactRequest): Promise<void> {
  const lock = readFileSync(join(checkout, 'services', 'kafka', 'jars.lock'), 'utf8')
  const jars = lock
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => jar.parse(JSON.parse(line)))
  await makeOnce('kafka', hashOf([lock]), async (folder) => {
    const queue = [...jars]
    let done = 0
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const bytes = await download(`${config.maven ?? defaultMaven}/${next.path}`, next.sha256)
        const file = join(folder, next.path)
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, bytes)
        done += 1
        note(`${done} of ${jars.length} jars`)
      }
    }
    await Promise.all(Array.from({ length: sideBySide }, worker))
  })
}

async function download(url: string, sha256: string): Promise<Buffer> {
  let reason = ''
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      const response = await request(url, { signal: AbortSignal.timeout(120_000) })
      const bytes = Buffer.from(await response.body.arrayBuffer())
      const seen = createHash('sha256').update(bytes).digest('hex')
      if (response.statusCode === 200 && seen === sha256) return bytes
      reason = response.statusCode === 200 ? `expected SHA-256 ${sha256}, saw ${seen}` : `status ${response.statusCode}`
    } catch (error) {
      reason = (error as Error).message
    }
  }
  throw new EnvironmentError(
    `${url}: ${reason}; check that the Maven repository can be reached, or name a mirror's root with FIREDRILL_MAVEN`,
  )
}

function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}

/** Makes the folder beside its place and renames it when it is whole, so that a killed run leaves no half artifact. */
async function makeOnce(name: string, content: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(artifactsFolder, name)
  const stamp = join(folder, artifactStamp)
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === content) return
  const draft = `${folder}.new`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true })
  await fill(draft)
  await writeFile(join(draft, artifactStamp), content)
  await mkdir(dirname(folder), { recursive: true })
  await rm(folder, { recursive: true, force: true })
  await rename(draft, folder)
}
