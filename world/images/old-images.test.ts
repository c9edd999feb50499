// Which images are too old, and what is removed of them: played against a Docker in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Dockerode from 'dockerode'
import { imageNames } from './build-images.ts'
import { type OwnImage, removeOldImages, tooOld } from './old-images.ts'

const hourMs = 3_600_000
const nowMs = Date.parse('2026-11-23T12:00:00Z')

/** An image of that name, last used so many hours ago. */
function image(name: OwnImage['name'], hoursAgo: number, changes: Partial<OwnImage> = {}): OwnImage {
  const id = `${name}-${hoursAgo}`
  const tags = [`firedrill-${name}:content-${hoursAgo}`]
  return { name, id, tags, lastUsedMs: nowMs - hoursAgo * hourMs, isInContainer: false, ...changes }
}
const idsOf = (images: readonly OwnImage[], present: readonly string[] = []) =>
  tooOld(images, new Set(present), nowMs).map(({ id }) => id)

test('the last three contents of each image stay for a week, the others for an hour', () => {
  const nodes = [5, 3, 2, 4, 0.5].map((hours) => image('node', hours))
  assert.deepEqual(idsOf(nodes), ['node-4', 'node-5'])
  assert.deepEqual(idsOf([...nodes, image('redis', 100), image('redis', 200)]), ['node-4', 'node-5', 'redis-200'])
  assert.deepEqual(idsOf([0.1, 0.2, 0.3, 0.4, 0.5].map((hours) => image('node', hours))), [])
})

test('what is present, in a container or the latest stays, however old', () => {
  const old = [1000, 1001, 1002, 1003, 1004, 1005].map((hours) => image('node', hours))
  const [first, second, third, ...rest] = old
  const kept = [
    { ...(first ?? assert.fail()), isInContainer: true },
    { ...(second ?? assert.fail()), tags: ['firedrill-node:content-1001', 'firedrill-node:latest'] },
    third ?? assert.fail(),
  ]
  assert.deepEqual(idsOf([...kept, ...rest], ['node-1002']), ['node-1003', 'node-1004', 'node-1005'])
})

interface FakeImage {
  readonly id: string
  tags: string[]
  readonly usedAt: string
  /** In seconds, of a stage, which has no tag. */
  readonly madeAt?: number
}

/** The part of Docker that is asked here: an image goes with its last tag, unless a container has it. */
function fakeDocker(images: FakeImage[], used: readonly string[]): Dockerode {
  const find = (reference: string) => images.find(({ id, tags }) => id === reference || tags.includes(reference))
  return {
    listImages: async (options?: { filters?: { label?: readonly string[] } }) =>
      options?.filters?.label?.includes('firedrill.stage') === true
        ? images.filter(({ madeAt }) => madeAt !== undefined).map(({ id, madeAt }) => ({ Id: id, Created: madeAt }))
        : images.filter(({ tags }) => tags.length > 0).map(({ id, tags }) => ({ Id: id, RepoTags: tags })),
    listContainers: async () => used.map((id) => ({ ImageID: id })),
    df: async () => ({ LayersSize: 1000 * images.filter(({ tags }) => tags.length > 0).length }),
    getImage: (reference: string) => ({
      inspect: async () => ({ Created: '2026-01-01T00:00:00Z', Metadata: { LastTagTime: find(reference)?.usedAt } }),
      remove: async () => {
        const found = find(reference)
        if (found === undefined) throw Object.assign(new Error('no such image'), { statusCode: 404 })
        if (used.includes(found.id)) throw Object.assign(new Error('in use'), { statusCode: 409 })
        if (found.id === reference) images.splice(images.indexOf(found), 1)
        found.tags = found.tags.filter((tag) => tag !== reference)
      },
    }),
  } as unknown as Dockerode
}

/** One state of the code: all images, of which `node` alone has a content of its own. */
function states(...hours: readonly number[]): FakeImage[] {
  const state = (hour: number) => hour.toString(16).padStart(12, '0')
  const usedAt = (hour: number) => new Date(nowMs - hour * hourMs).toISOString()
  const shared = imageNames
    .filter((name) => name !== 'node')
    .map((name) => ({
      id: name,
      tags: [`firedrill-${name}:content-1`, ...hours.map((hour) => `firedrill-${name}:${state(hour)}`)],
      usedAt: usedAt(Math.min(...hours)),
    }))
  const nodes = hours.map((hour) => ({
    id: `node-${hour}`,
    tags: [`firedrill-node:content-${hour}`, `firedrill-node:${state(hour)}`],
    usedAt: usedAt(hour),
  }))
  return [...shared, ...nodes]
}

test('an old image goes with all its tags, and so do the tags of its state on the images that stay', async () => {
  const images = states(2, 3, 4, 5, 6)
  assert.deepEqual(await removeOldImages(fakeDocker(images, []), new Set(), nowMs), { count: 2, bytes: 2000 })
  const left = images.flatMap(({ tags }) => tags)
  assert.deepEqual(
    left.filter((tag) => /[56]$/.test(tag)),
    [],
  )
  assert.equal(left.filter((tag) => tag.startsWith('firedrill-etcd:')).length, 4, 'its content and three states')
})

test('an image that somebody has given a name of their own is theirs', async () => {
  const images = states(2, 3, 4, 5)
  images.at(-1)?.tags.push('mine:kept')
  assert.equal((await removeOldImages(fakeDocker(images, []), new Set(), nowMs)).count, 0)
})

test('an image that a container has taken meanwhile stays', async () => {
  const images = states(2, 3, 4, 5)
  const docker = fakeDocker(images, ['node-5'])
  docker.listContainers = async () => []
  assert.deepEqual(await removeOldImages(docker, new Set(), nowMs), { count: 0, bytes: 0 })
})

test('of the stages that Docker keeps without a tag, the latest stays', async () => {
  const stages = [2, 3, 1].map((madeAt) => ({ id: `stage-${madeAt}`, tags: [], usedAt: '', madeAt }))
  assert.equal((await removeOldImages(fakeDocker(stages, ['stage-1']), new Set(), nowMs)).count, 1)
  assert.deepEqual(
    stages.map(({ id }) => id),
    ['stage-3', 'stage-1'],
    'one is in a container',
  )
})
