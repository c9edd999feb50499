// Words and units that every kind of report shares.
import type { Journal } from '#protocol/journal.ts'

export const phaseNames = ['detect', 'decide', 'fence', 'promote', 'steer', 'recover'] as const
export const storeLabels = { postgres: 'Postgres', kafka: 'Kafka', redis: 'Redis' } as const

export function percent(share: number | null, digits = 0): string {
  return share === null ? 'unknown' : `${(share * 100).toFixed(digits)} %`
}

/** `1 drill`, `3 drills`. */
export function many(number: number, thing: string): string {
  return `${number.toLocaleString('en-US')} ${thing}${number === 1 ? '' : 's'}`
}

/** For a cell of a table on the screen. */
export function shortened(text: string, most = 60): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
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
