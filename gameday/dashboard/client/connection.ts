// The live state: a full one first, then what changes. After a break the browser comes back by itself and gets a full one again.
import { applyChanges, type Change, type Json } from '../model/patch.ts'
import type { DashboardState } from '../model/state.ts'

export type Connection = 'connecting' | 'live' | 'lost' | 'refused' | 'ended'

type Plain = Readonly<Record<string, Json>>

export function connect(
  onState: (state: DashboardState) => void,
  onConnection: (connection: Connection, reason: string) => void,
): void {
  const source = new EventSource('/api/live')
  let state: Plain | null = null
  let number = 0
  const told = (): void => {
    if (state !== null) onState(state as unknown as DashboardState)
  }
  source.addEventListener('state', (event: MessageEvent<string>) => {
    const full = JSON.parse(event.data) as { readonly number: number; readonly state: Plain }
    state = full.state
    number = full.number
    onConnection('live', '')
    told()
  })
  source.addEventListener('change', (event: MessageEvent<string>) => {
    const { number: next, changes } = JSON.parse(event.data) as {
      readonly number: number
      readonly changes: readonly Change[]
    }
    if (state === null || next !== number + 1) return
    number = next
    state = applyChanges(state, changes)
    told()
  })
  source.addEventListener('end', (event: MessageEvent<string>) => {
    source.close()
    onConnection('ended', (JSON.parse(event.data) as { readonly reason: string }).reason)
  })
  source.addEventListener('error', () => {
    // Closed for good: the server refused. Else the browser tries again.
    if (source.readyState === EventSource.CLOSED) onConnection('refused', '')
    else onConnection('lost', '')
  })
}
