// A Postgres's disk has no byte left. It is a file system of limited size (topology `disk: SIZE`) that the WAN's container mounts
// as well, so it can be filled and emptied whether Postgres runs, hangs or can't even start.
import { z } from 'zod'
import { isRegion, type Region } from '#protocol/sites.ts'
import { diskFolder } from '#world/disks.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { notRunning, postgresIsBack, startDead } from './containers.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { heldWords, holdOn, nothingHeld, released } from './held.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const diskDetail = z.object({ target: z.string() })
const wan: Target = { site: null, service: 'wan' }
const filler = 'firedrill-filler'
const oneByte = 'firedrill-one-byte'

const filling = `dd if=/dev/zero of=${filler} bs=1M oflag=append conv=notrunc 2>/dev/null`
/** Whatever Postgres has freed since is taken too: then one byte more must be refused. */
const proving = `${filling}; dd if=/dev/zero of=${oneByte} bs=1 count=1; stat -f -c 'free %f' .; rm -f ${oneByte}`
const emptying = `rm -f ${filler} ${oneByte}`
const looking = `stat -f -c 'free %f' .; [ ! -e ${filler} ] && echo emptied`

async function onDisk(world: RunningWorld, region: Region, script: string): Promise<string> {
  const { stdout, stderr } = await world.exec(wan, ['sh', '-c', `cd ${diskFolder(region)} && { ${script}; }`])
  return `${stdout}${stderr}`.trim()
}

function regionsOf(target: string): readonly Region[] {
  return servicesOf(target).flatMap(({ site }) => (site !== null && isRegion(site) ? [site] : []))
}

export const diskFull: FaultHandler<'disk-full'> = {
  summary:
    "a Postgres's disk is filled to the last byte (needs a topology with `disk: SIZE`); heal empties it and starts the dead",
  expected: (spec) =>
    `${spec.target}: no byte can be written; a primary can't go on and is failed away from, a standby vouches for nothing more`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),

  holds: (target) => servicesOf(target).map(holdOn('disk')),

  async impossible(world) {
    return world.topology.disk === null
      ? "this world's Postgres has no disk of its own; bring it up with a topology that has one, such as disk: 512MiB"
      : null
  },

  detail: (spec) => ({ target: spec.target }),

  inject(world, entry) {
    const { target } = diskDetail.parse(entry.detail)
    return between(world, () => Promise.all(regionsOf(target).map(async (each) => onDisk(world, each, filling))))
  },

  async prove(world, entry) {
    const { target } = diskDetail.parse(entry.detail)
    for (const region of regionsOf(target)) {
      const seen = await onDisk(world, region, proving)
      if (!/free 0$/m.test(seen) || !/No space left on device/.test(seen))
        throw new FaultUnproven(`expected no byte left on the disk of postgres.${region}, saw ${seen}`)
    }
    return `${target}: one byte more is refused (no space left on device), and no block is free`
  },

  // A Postgres that dies of it may give some blocks back; who takes the filler away has ended it.
  async lookCloser(world, entry) {
    for (const region of regionsOf(diskDetail.parse(entry.detail).target))
      if (/^emptied$/m.test(await onDisk(world, region, looking)))
        return `somebody else emptied the disk of postgres.${region}`
    return null
  },

  async heal(world, entry, held = nothingHeld) {
    const { target } = diskDetail.parse(entry.detail)
    await Promise.all(regionsOf(target).map(async (each) => onDisk(world, each, emptying)))
    await startDead(world, servicesOf(target), held)
  },

  async isHealed(world, entry, held = nothingHeld) {
    const { target } = diskDetail.parse(entry.detail)
    const free = released(released(servicesOf(target), 'dead', held), 'paused', held)
    if ((await notRunning(world, free)) !== null) return null
    for (const region of regionsOf(target)) {
      const seen = await onDisk(world, region, looking)
      if (/free 0$/m.test(seen) || !/^emptied$/m.test(seen)) return null
      if (free.some(({ site }) => site === region) && (await postgresIsBack(world, region)) === null) return null
    }
    return `${target}: its disk has room, and Postgres is back${heldWords(servicesOf(target), 'dead', held)}`
  },
}
