// Everything that a dead drill can leave in a world is taken away: its faults, and its load.
import { areas, type Area } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { healAll, type HealReport } from '#chaos/heal.ts'
import { messageOf } from '#runtime/message-of.ts'
import { loadedAreas, stopLoad } from './load.ts'

/** Never throws for what resists: it is named in `left`. */
export async function healWorld(world: RunningWorld): Promise<HealReport> {
  const faults = await healAll(world)
  const load = await endLoad(world)
  return { healed: [...faults.healed, ...load.healed], left: [...faults.left, ...load.left] }
}

/** Ends whatever load there is. Never throws for a client that does not answer: it is named in `left`. */
export async function endLoad(world: RunningWorld): Promise<HealReport> {
  const healed: string[] = []
  const left: string[] = []
  const endIn = async (area: Area): Promise<void> => {
    try {
      const loaded = await loadedAreas(world, [area])
      if (loaded.length === 0) return
      await stopLoad(world, [area])
      healed.push(`load from ${area} ended`)
    } catch (error) {
      left.push(`client.${area} does not say whether it makes load: ${messageOf(error)}`)
    }
  }
  await Promise.all(areas.map(endIn))
  return { healed, left }
}
