// What a world's drill and its guard leave in files for others to see: followed while somebody watches.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { timelineEvent, type TimelineEvent } from '#protocol/timeline.ts'
import { guardLogFile } from '#world/world-files.ts'
import { isAlive } from '#world/process-lock.ts'
import { readLiveDrill } from '../live-drill.ts'
import { FollowedFile } from './followed-file.ts'
import type { Observed } from './observed.ts'

const shownGuardLines = 6

export class DrillFiles {
  readonly #observed: Observed
  readonly #guard: FollowedFile
  #timeline: FollowedFile | null = null

  constructor(observed: Observed) {
    this.#observed = observed
    this.#guard = new FollowedFile(guardLogFile(observed.world))
  }

  /** @param keep is given what the drill's harness noted */
  async read(keep: (event: TimelineEvent) => void): Promise<void> {
    const observed = this.#observed
    const drill = await readLiveDrill(observed.world)
    observed.drill = drill
    observed.drillIsAlive = drill !== null && isAlive(drill.pid)
    observed.drillHasReport = drill !== null && existsSync(join(drill.folder, 'report.html'))
    const guard = await this.#guard.read()
    observed.guard = [...observed.guard, ...guard].slice(-shownGuardLines)
    if (drill === null) return
    const path = join(drill.folder, 'timeline.ndjson')
    if (this.#timeline?.path !== path) this.#timeline = new FollowedFile(path)
    for (const line of await this.#timeline.read()) {
      const event = timelineEvent.safeParse(JSON.parse(line))
      // The others are heard from controllers and agents themselves.
      if (event.success && event.data.source === 'harness') keep(event.data)
    }
  }
}
