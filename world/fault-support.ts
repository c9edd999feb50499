// Which faults a Docker engine can't do, by what it says of itself: rootless ones and old kernels lack control groups.
import type { FaultKind } from '#protocol/faults.ts'

export interface UnsupportedFault {
  readonly kind: FaultKind
  readonly reason: string
}

/** What of Docker's `info` decides. */
export interface EngineInfo {
  readonly CgroupDriver?: string
  readonly CpuCfsQuota?: boolean
  readonly MemoryLimit?: boolean
}

export function unsupportedFaults(info: EngineInfo): readonly UnsupportedFault[] {
  const hasNoGroups = info.CgroupDriver === 'none'
  const without = 'this Docker has no control groups (rootless needs version 2 of them and systemd)'
  const found: UnsupportedFault[] = []
  const add = (kinds: readonly FaultKind[], isMissing: boolean, reason: string): void => {
    if (isMissing) found.push(...kinds.map((kind) => ({ kind, reason })))
  }
  add(['freeze', 'pause'], hasNoGroups, without)
  const isMissing = (has: boolean | undefined): boolean => hasNoGroups || has === false
  const lacks = (what: string): string => (hasNoGroups ? without : `this Docker says that it can't limit ${what}`)
  add(['cpu-starvation'], isMissing(info.CpuCfsQuota), lacks('processors by a quota'))
  add(['memory-limit'], isMissing(info.MemoryLimit), lacks('memory'))
  return found
}
