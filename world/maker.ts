// Who makes or removes a world: a container that is never started, since Docker gives a name only once, whoever asks. It stands
// where there is no WAN that could keep a hold: before the world's first start, and while it is removed.
import type Dockerode from 'dockerode'
import { holder as holderShape, type Holder } from '#protocol/holds.ts'
import { EnvironmentError } from './environment-error.ts'
import { processOf } from './holder.ts'

const makerLabel = 'firedrill.maker'
const holderLabel = 'firedrill.maker.holder'
const emptyImage = 'firedrill-nothing:1'
/** A maker of another machine can't be seen to live: it is believed for this long. */
const believedMs = 15 * 60_000
/** Docker says for a moment that a name is taken whose container is going. */
const settlesWithinMs = 10_000

const nameOf = (world: string): string => `firedrill-${world}-maker`

export interface Maker {
  readonly containerId: string
  readonly holder: Holder
}

export type MakerAttempt =
  | { readonly taken: true; readonly maker: Maker; readonly from: Holder | null }
  | { readonly taken: false; readonly holder: Holder }

/** Who makes the world now, or null. One that is dead has no say. */
export async function lookAtMaker(docker: Dockerode, world: string): Promise<Holder | null> {
  const found = await find(docker, world)
  return found === null || (await isStale(docker, found)) ? null : found.holder
}

/** Takes the place of the world's maker, unless a living one has it. */
export async function becomeMaker(docker: Dockerode, world: string, self: Holder): Promise<MakerAttempt> {
  const deadline = performance.now() + settlesWithinMs
  let from: Holder | null = null
  for (;;) {
    await bringEmptyImage(docker)
    const containerId = await create(docker, world, self)
    if (containerId !== null) return { taken: true, maker: { containerId, holder: self }, from }
    const found = await find(docker, world)
    if (found !== null) {
      if (!(await isStale(docker, found))) return { taken: false, holder: found.holder }
      from = found.holder
      await remove(docker, found.containerId)
    } else if (performance.now() > deadline) {
      const name = nameOf(world)
      throw new EnvironmentError(`container ${name} is in the way, which is not ours: docker rm ${name}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** False if somebody has removed it: then another may be at work on the world. */
export async function isMakerStill(docker: Dockerode, { containerId }: Maker): Promise<boolean> {
  try {
    await docker.getContainer(containerId).inspect()
    return true
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw error
  }
}

export async function endMaking(docker: Dockerode, { containerId }: Maker): Promise<void> {
  await remove(docker, containerId)
}

/** @returns the container's id; null if the name is taken, or it is to be tried again */
async function create(docker: Dockerode, world: string, self: Holder): Promise<string | null> {
  try {
    const made = await docker.createContainer({
      name: nameOf(world),
      Image: emptyImage,
      Labels: { [makerLabel]: world, [holderLabel]: JSON.stringify(self) },
      NetworkDisabled: true,
    })
    return made.id
  } catch (error) {
    // 404: the image went in between.
    if (statusOf(error) === 409 || statusOf(error) === 404) return null
    throw error
  }
}

interface Found extends Maker {
  /** By Docker's clock, in seconds. */
  readonly createdS: number
}

async function find(docker: Dockerode, world: string): Promise<Found | null> {
  const filters = { label: [`${makerLabel}=${world}`] }
  const [found] = await docker.listContainers({ all: true, filters })
  if (found === undefined) return null
  return { containerId: found.Id, holder: parse(found.Labels[holderLabel]), createdS: found.Created }
}

async function isStale(docker: Dockerode, { holder, createdS }: Found): Promise<boolean> {
  const process = processOf(holder)
  if (process !== 'unknown') return process === 'gone'
  // Both times are Docker's own.
  const { SystemTime } = (await docker.info()) as { readonly SystemTime?: string }
  return Date.parse(SystemTime ?? '') - createdS * 1000 > believedMs
}

function parse(text: string | undefined): Holder {
  try {
    return holderShape.parse(JSON.parse(text ?? ''))
  } catch {
    const unknown = 'unknown'
    return {
      id: `${unknown}-maker`,
      doing: 'make a world',
      user: unknown,
      pid: 1,
      host: unknown,
      machine: unknown,
      started: null,
      checkout: unknown,
      since: unknown,
    }
  }
}

async function remove(docker: Dockerode, id: string): Promise<void> {
  try {
    await docker.getContainer(id).remove({ force: true })
  } catch (error) {
    // Gone, or going.
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
  }
}

/** An image of nothing, which needs no registry and no build. */
async function bringEmptyImage(docker: Dockerode): Promise<void> {
  try {
    await docker.getImage(emptyImage).inspect()
    return
  } catch (error) {
    if (statusOf(error) !== 404) throw error
  }
  const [repo, tag] = emptyImage.split(':')
  const endOfTar = Buffer.alloc(1024)
  const answer = await docker.importImage(endOfTar as unknown as string, {
    repo,
    tag,
    changes: 'CMD ["never-started"]',
  })
  await new Promise<void>((resolve, reject) => {
    answer.once('end', resolve).once('error', reject).resume()
  })
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly statusCode?: number }).statusCode
}
