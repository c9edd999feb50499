// Images of earlier states of the code: removed once nobody can be using them. When an image was last used is known from its tags,
// which every `build`, `up`, `run` and `test` of any checkout puts on it anew.
import { join } from 'node:path'
import type Dockerode from 'dockerode'
import { machineFolder } from '../checkout.ts'
import { waitForLock } from '../process-lock.ts'
import { type ImageName, imageNames } from './build-images.ts'

const keptContents = 3
/** Between the building of its images and the start of its containers an `up` needs minutes at most. */
const justUsedMs = 3_600_000
const forgottenMs = 7 * 24 * 3_600_000

/** One image of ours: `firedrill-<name>` with a tag `content-…`, and with no tag that somebody else has given it. */
export interface OwnImage {
  readonly name: ImageName
  readonly id: string
  readonly tags: readonly string[]
  readonly lastUsedMs: number
  readonly isInContainer: boolean
}

/**
 * Those that are of none of the last three contents of their name, or were not used for a week; never one that is `present`, that
 * carries `latest`, that any container has, or that was used within the hour.
 */
export function tooOld(images: readonly OwnImage[], present: ReadonlySet<string>, nowMs: number): readonly OwnImage[] {
  return imageNames.flatMap((name) =>
    images
      .filter((each) => each.name === name)
      .toSorted((left, right) => right.lastUsedMs - left.lastUsedMs)
      .filter((each, rank) => {
        const unusedMs = nowMs - each.lastUsedMs
        const isNeeded = present.has(each.id) || each.isInContainer || each.tags.includes(`firedrill-${name}:latest`)
        return !isNeeded && unusedMs > justUsedMs && (rank >= keptContents || unusedMs > forgottenMs)
      }),
  )
}

/**
 * Removes what is too old, and tags of states of the code of which an image is missing.
 * @param present ids of the images of this state of the checkout
 * @returns how many images went, and the bytes that Docker has freed
 */
export async function removeOldImages(
  docker: Dockerode,
  present: ReadonlySet<string>,
  nowMs: number,
): Promise<{ readonly count: number; readonly bytes: number }> {
  await using _lock = await waitForLock(join(machineFolder(), 'build.lock'), 'remove old images', () => {})
  const old = tooOld(await ownImages(docker), present, nowMs)
  const stages = await oldStages(docker)
  if (old.length + stages.length === 0) return { count: 0, bytes: 0 }
  const bytesBefore = await layersBytes(docker)
  let count = 0
  // What is built on the runtime image goes before it.
  for (const { tags } of old.toReversed()) {
    let isGone = true
    // Docker refuses only the last tag of an image in use: it shall be the one by which `build` finds the image.
    for (const tag of tags.toSorted((left) => (left.includes(':content-') ? 1 : -1)))
      isGone &&= await untag(docker, tag)
    if (isGone) count += 1
  }
  for (const stage of stages) if (await untag(docker, stage)) count += 1
  for (const tag of await brokenStates(docker)) await untag(docker, tag)
  return { count, bytes: Math.max(0, bytesBefore - (await layersBytes(docker))) }
}

async function ownImages(docker: Dockerode): Promise<readonly OwnImage[]> {
  const [images, containers] = await Promise.all([docker.listImages(), docker.listContainers({ all: true })])
  const inContainers = new Set(containers.map((each) => each.ImageID))
  const own = images.flatMap(({ Id: id, RepoTags }) => {
    const tags = RepoTags ?? []
    const name = imageNames.find((each) => tags.some((tag) => tag.startsWith(`firedrill-${each}:content-`)))
    const isOurs = name !== undefined && tags.every((tag) => tag.startsWith(`firedrill-${name}:`))
    return isOurs ? [{ name, id, tags, isInContainer: inContainers.has(id) }] : []
  })
  return Promise.all(own.map(async (each) => ({ ...each, lastUsedMs: await lastUsedMs(docker, each.id) })))
}

async function lastUsedMs(docker: Dockerode, id: string): Promise<number> {
  const facts = await docker.getImage(id).inspect()
  const { LastTagTime } = (facts as { readonly Metadata?: { readonly LastTagTime?: string } }).Metadata ?? {}
  // Docker tells the year 1 of an image whose tags it did not see being given.
  return Math.max(Date.parse(facts.Created), LastTagTime === undefined ? 0 : Date.parse(LastTagTime))
}

/** Docker keeps the stage in which jars are fetched as an image without a tag. The latest spares the next build the fetching. */
async function oldStages(docker: Dockerode): Promise<readonly string[]> {
  const stages = await docker.listImages({ filters: { dangling: ['true'], label: ['firedrill.stage'] } })
  const newestFirst = stages.toSorted((left, right) => right.Created - left.Created)
  return newestFirst.slice(1).map((each) => each.Id)
}

/** Tags that all images of one state of the code share, where not all of these are there any more. */
async function brokenStates(docker: Dockerode): Promise<readonly string[]> {
  const tags = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? [])
  const states = new Set(tags.flatMap((tag) => /^firedrill-[a-z]+:([0-9a-f]{12})$/.exec(tag)?.[1] ?? []))
  return [...states].flatMap((state) => {
    const own = imageNames.map((name) => `firedrill-${name}:${state}`).filter((tag) => tags.includes(tag))
    return own.length === imageNames.length ? [] : own
  })
}

/** False if Docker refuses: a container has taken it in the meantime. */
async function untag(docker: Dockerode, tag: string): Promise<boolean> {
  try {
    await docker.getImage(tag).remove()
    return true
  } catch (error) {
    const { statusCode } = error as { statusCode?: number }
    if (statusCode !== 404 && statusCode !== 409) throw error
    return statusCode === 404
  }
}

async function layersBytes(docker: Dockerode): Promise<number> {
  return ((await docker.df()) as { readonly LayersSize?: number }).LayersSize ?? 0
}
