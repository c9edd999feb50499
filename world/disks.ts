// A topology with `disk: SIZE` as an override of docker-compose.yml: each Postgres's volume is a file system of that size, in memory.
import { stringify } from 'yaml'
import { regions } from '#protocol/sites.ts'
import type { Topology } from '#protocol/topology.ts'
import { worldLabel } from './world-containers.ts'

/**
 * Such a file system is gone when the last container that mounts it has ended. So the WAN's, which outlives every region, has all
 * three: a Postgres that was killed finds its data again, and a full disk can be emptied while its Postgres is dead.
 * @returns null for a topology that needs none
 */
export function disksOverride(world: string, topology: Topology): string | null {
  if (topology.disk === null) return null
  const size = `size=${topology.disk},mode=0755`
  return stringify({
    services: { wan: { volumes: regions.map((region) => `postgres-${region}:${diskFolder(region)}`) } },
    volumes: Object.fromEntries(
      regions.map((region) => [
        `postgres-${region}`,
        {
          driver: 'local',
          driver_opts: { type: 'tmpfs', device: 'tmpfs', o: size },
          labels: { [worldLabel]: world, 'firedrill.site': region },
        },
      ]),
    ),
  })
}

/** Where the WAN's container has a region's Postgres disk. */
export function diskFolder(region: string): string {
  return `/var/lib/firedrill/disks/${region}`
}
