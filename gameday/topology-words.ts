// A topology in one line, for plans and reports.
import { formatMs } from './measure/objectives.ts'

/** What the other settings leave without a meaning is not told. */
function isTold(name: string, value: unknown, topology: Readonly<Record<string, unknown>>): boolean {
  if (name === 'max-loss' || name === 'accept-data-loss') return topology['commit'] === 'async'
  if (name === 'dns-ttl') return topology['steering'] === 'dns'
  return value !== null
}

/** @param topology as a runbook or a journal has it, which may be older */
export function topologyWords(topology: Readonly<Record<string, unknown>>): string {
  return Object.entries(topology)
    .filter(([name, value]) => isTold(name, value, topology))
    .map(([name, value]) => {
      if (typeof value !== 'number') return `${name} ${String(value)}`
      return `${name} ${name === 'disk' ? `${value / 2 ** 20} MiB` : formatMs(value)}`
    })
    .join('; ')
}
