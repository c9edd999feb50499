// How busy the machine was during a drill: what figures of a saturated machine are worth, a reader must be able to tell.
import type { MachineLoadSeen } from '#protocol/journal.ts'
import type { Sample } from '#protocol/sample.ts'
import { percentile } from './service.ts'

const saturatedFrom = 0.95

export function machineLoadOf(samples: readonly Sample[]): MachineLoadSeen {
  const busy = samples.flatMap(({ machine }) => (machine.busyShare === null ? [] : [machine.busyShare]))
  const late = samples.map(({ machine }) => machine.lateMs)
  const share = (part: number): number | null => (busy.length === 0 ? null : round(part / busy.length))
  return {
    samples: samples.length,
    busyShare: share(busy.reduce((sum, each) => sum + each, 0)),
    saturatedShare: share(busy.filter((each) => each >= saturatedFrom).length),
    saturatedSpans: saturatedSpans(samples),
    medianLateMs: percentile(late, 0.5),
    worstLateMs: percentile(late, 1),
  }
}

/** A sample speaks for the time since the one before it. */
function saturatedSpans(samples: readonly Sample[]): MachineLoadSeen['saturatedSpans'] {
  const spans: { fromNs: string; toNs: string }[] = []
  for (const [index, { atNs, machine }] of samples.entries()) {
    if ((machine.busyShare ?? 0) < saturatedFrom) continue
    const fromNs = samples[index - 1]?.atNs ?? atNs
    const last = spans.at(-1)
    if (last?.toNs === fromNs) last.toNs = atNs
    else spans.push({ fromNs, toNs: atNs })
  }
  return spans
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
