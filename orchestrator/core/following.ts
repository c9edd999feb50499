// Who follows whom, by what the nodes say of themselves.
import type { Region } from '#protocol/sites.ts'
import { timings } from './settings.ts'
import type { State } from './state.ts'

export interface Following {
  readonly region: Region
  readonly primary: Region
  readonly epoch: number
}

/** The node streams from the primary in this epoch. */
export function follows(state: State, { region, primary, epoch }: Following): boolean {
  const status = state.agents[region]?.status
  return status?.promised === epoch && status.streaming && status.following === primary
}

/** The node is heard, and neither follows the primary in this epoch nor is being made to. One that has promised more is another's. */
export function strays(state: State, following: Following, now: number): boolean {
  const view = state.agents[following.region]
  if (view === undefined || now - view.heardMs > timings.heardMs) return false
  const { status } = view
  const isBeingMade = status.state === 'rewinding' && status.promised === following.epoch
  return !follows(state, following) && !isBeingMade && status.promised <= following.epoch
}
