// Words and units that every kind of report shares.
import type { Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'

export const phaseNames = ['detect', 'decide', 'fence', 'promote', 'steer', 'recover'] as const
export const storeNames = ['postgres', 'kafka', 'redis'] as const

export function count(value: number | null): string {
  return value === null ? 'not measured' : String(value)
}

/** When an outage ended: null if that was not seen before the drill ended. */
export function recoveryTime(ms: number | null): string {
  return ms === null ? 'not seen' : formatMs(ms)
}

export function percent(share: number | null, digits = 0): string {
  return share === null ? 'not measured' : `${(share * 100).toFixed(digits)} %`
}

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Null: nothing to warn of. One sentence for a machine whose own load may have moved the figures. */
export function busyMachine({ machineLoad }: Journal): string | null {
  if (machineLoad === null) return null
  const { saturatedShare, worstLateMs, busyShare } = machineLoad
  const isSaturated = (saturatedShare ?? 0) >= 0.1
  const isLate = (worstLateMs ?? 0) >= 250
  if (!isSaturated && !isLate) return null
  const what = [
    ...(isSaturated
      ? [
          `its processors were saturated for ${percent(saturatedShare)} of the time (${percent(busyShare)} busy on average)`,
        ]
      : []),
    ...(isLate ? [`the harness's own loop was late by up to ${Math.round(worstLateMs ?? 0)} ms`] : []),
  ]
  return `The machine was busy: ${what.join(', and ')}. Latency and recovery times are those of this machine; run it again on a calm one before you compare.`
}
