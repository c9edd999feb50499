// Builds the world's images through the Docker API: side by side where they don't depend on each other, and never needlessly.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import type { HostConfig } from '#runtime/config.ts'
import { checkout, machineFolder } from '../checkout.ts'
import { lastLines } from '../child-process.ts'
import type { Engine } from '../docker-engine.ts'
import { EnvironmentError } from '../environment-error.ts'
import { waitForLock } from '../process-lock.ts'
import { showSteps } from '../progress.ts'
import { bringArtifact } from './artifacts.ts'
import { bringBase, imageId } from './base.ts'
import { artifactsOf, type BuildContext, hashContext, packContext, readContext } from './context.ts'

/** Each has services/<name>/Dockerfile and becomes firedrill-<name>. */
export const imageNames = ['runtime', 'node', 'postgres', 'redis', 'kafka', 'etcd', 'glb', 'resolver'] as const
export type ImageName = (typeof imageNames)[number]

const contentLabel = 'firedrill.content'

export interface BuiltImages {
  /** One tag for all images of this state of the checkout. */
  readonly tag: string
  readonly images: readonly { readonly name: ImageName; readonly id: string; readonly built: boolean }[]
}

/** @throws EnvironmentError that names the failed step and its last output */
export async function buildImages(engine: Engine, config: HostConfig): Promise<BuiltImages> {
  await using _lock = await waitForLock(join(machineFolder(), 'build.lock'), 'build images', (holder) => {
    process.stderr.write(`firedrill: waiting for process ${holder.pid}, which builds images\n`)
  })
  return new ImageBuild(engine, config).run()
}

class ImageBuild {
  private readonly engine: Engine
  private readonly config: HostConfig
  private base: Promise<string> | null = null
  private readonly artifacts = new Map<string, Promise<void>>()
  private readonly results = new Map<ImageName, Promise<{ id: string; content: string; built: boolean }>>()

  constructor(engine: Engine, config: HostConfig) {
    this.engine = engine
    this.config = config
  }

  async run(): Promise<BuiltImages> {
    await showSteps(
      imageNames.map((name) => ({
        title: `image ${name}`,
        work: async (note, rename) => {
          const { built } = await this.image(name, note)
          rename(`image ${name}: ${built ? 'built' : 'there'}`)
        },
      })),
      { concurrent: true },
    )
    const results = await Promise.all(imageNames.map(async (name) => ({ name, ...(await this.image(name, () => {})) })))
    const tag = createHash('sha256')
      .update(results.map((result) => result.content).join())
      .digest('hex')
      .slice(0, 12)
    for (const { name, id } of results) {
      const image = this.engine.docker.getImage(id)
      for (const each of ['latest', tag]) await image.tag({ repo: `firedrill-${name}`, tag: each })
    }
    return { tag, images: results.map(({ name, id, built }) => ({ name, id, built })) }
  }

  private image(
    name: ImageName,
    note: (text: string) => void,
  ): Promise<{ id: string; content: string; built: boolean }> {
    const known = this.results.get(name)
    if (known !== undefined) return known
    const result = this.make(name, note)
    this.results.set(name, result)
    return result
  }

  private async make(
    name: ImageName,
    note: (text: string) => void,
  ): Promise<{ id: string; content: string; built: boolean }> {
    const context = readContext(checkout, `services/${name}/Dockerfile`)
    const bringing = artifactsOf(context).map((artifact) => this.artifact(artifact, note))
    const parents: Record<string, string> = {}
    for (const parent of context.bases)
      parents[parent] = parent === 'BASE' ? await this.baseId(note) : await this.runtimeId(note)
    await Promise.all(bringing)
    const content = hashContext(checkout, context, [this.engine.arch, JSON.stringify(parents)])
    const present = await findByContent(this.engine.docker, name, content)
    if (present !== null) return { id: present, content, built: false }
    const id = await this.build(name, context, parents, content, note)
    return { id, content, built: true }
  }

  private baseId(note: (text: string) => void): Promise<string> {
    this.base ??= bringBase(this.engine.docker, this.config, note)
    return this.base
  }

  private async runtimeId(note: (text: string) => void): Promise<string> {
    note('waiting for image runtime')
    return (await this.image('runtime', note)).id
  }

  private artifact(name: string, note: (text: string) => void): Promise<void> {
    const known = this.artifacts.get(name)
    if (known !== undefined) return known
    const result = bringArtifact(name, { arch: this.engine.arch, config: this.config, note })
    this.artifacts.set(name, result)
    return result
  }

  private async build(
    name: ImageName,
    context: BuildContext,
    parents: Readonly<Record<string, string>>,
    content: string,
    note: (text: string) => void,
  ): Promise<string> {
    const { docker } = this.engine
    const stream = (await docker.buildImage(packContext(checkout, context), {
      t: contentReference(name, content),
      dockerfile: context.dockerfile,
      buildargs: { ...this.sources(), ...parents },
      labels: { [contentLabel]: content },
      forcerm: true,
      version: '1',
    })) as unknown as Readable
    let output = ''
    let step = ''
    const failures: string[] = []
    await new Promise<void>((resolve) => {
      docker.modem.followProgress(
        stream,
        (error) => {
          if (error !== null) failures.push(error.message)
          resolve()
        },
        (event: { stream?: string; error?: string }) => {
          // A failed step ends the stream like a good one.
          if (event.error !== undefined) failures.push(event.error)
          const text = event.stream ?? ''
          output += text
          const heading = /^Step \d+\/\d+ : .*/m.exec(text)
          if (heading !== null) step = heading[0]
          const last = lastLines(text, 1)
          if (last !== '') note(`${step.split(' : ')[0] ?? ''} ${last}`.slice(0, 150))
        },
      )
    })
    const [failure] = failures
    if (failure !== undefined)
      throw new EnvironmentError(`image ${name} failed at ${step}: ${failure}\n${lastLines(output, 12)}`)
    const id = await findByContent(docker, name, content)
    if (id === null)
      throw new EnvironmentError(`image ${name} was built but is not there; is the disk full? see: docker system df`)
    return id
  }

  /** By which way builds fetch; no image depends on it, nor keeps it: Docker drops the proxies by itself, a stage the mirror. */
  private sources(): Record<string, string> {
    const proxies = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
    const values = [
      ...proxies.map((name) => [name, this.config.environment[name] ?? ''] as const),
      ['FIREDRILL_MAVEN', this.config.maven ?? ''] as const,
    ]
    return Object.fromEntries(values.filter(([, value]) => value !== ''))
  }
}

/** By tag, not by label alone: an image that others have built on one of these inherits its labels. */
async function findByContent(docker: Dockerode, name: ImageName, content: string): Promise<string | null> {
  return imageId(docker, contentReference(name, content))
}

function contentReference(name: ImageName, content: string): string {
  return `firedrill-${name}:content-${content.slice(0, 16)}`
}
