// What a set of faults takes away: which containers it holds, and whether the service must come back while they last. Pure.
import { regions, type Region } from '#protocol/sites.ts'
import { holdsOf } from '#chaos/holds.ts'
import { regionOf, servicesOf } from '#chaos/targets.ts'
import type { DrawnFault } from './faults.ts'

type Words = DrawnFault['words']

/**
 * The containers that a fault kills or pauses, or the process in it that it kills. Schedules have one at a time, so that what each does
 * is seen for itself.
 */
export function containersHeld({ kind, target }: Words): ReadonlySet<string> {
  if (kind === 'postgres-crash') return new Set([`postgres.${regionOf(target)}`])
  return new Set(holdsOf({ kind, target }).map((hold) => hold.replace(/^\w+:/, '')))
}

/** The regions that a fault makes unfit to be primary or to vouch; null if it reaches beyond regions. */
function regionsHit(words: Words): readonly Region[] | null {
  switch (words.kind) {
    case 'power-loss':
    case 'freeze':
    case 'postgres-crash':
      return [regionOf(words.target)]
    case 'partition':
      if (words.background === true) return []
      // Whether clients reach an app is not what controllers look at, so a cut of only the apps moves nothing.
      return words.class === 'app' || words.class === 'dns' ? null : [regionOf(words.target)]
    case 'link-degrade':
      return words.background === true ? [] : null
    case 'process-kill':
      break
  }
  if (words.background === true) return []
  if (words.target.startsWith('glb.')) return null
  const killed = servicesOf(words.target)
  return regions.filter((region) => killed.some((each) => each.site === region))
}

/** Whether all of these together leave two whole regions, which must then serve every client. */
export function isSurvivable(faults: readonly Words[]): boolean {
  const hit = faults.map(regionsHit)
  if (hit.includes(null)) return false
  return new Set(hit.flatMap((each) => each ?? [])).size <= 1
}
