// Where the time went: detect, decide, fence, promote, steer, recover; contiguous, and together they are *restored*.
import { noPhases, type Phases } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { sinceMs, type AckedWrite } from './history.ts'

/** What ends each phase but the last two, and how it is told of one that no event gives. */
const marks = {
  suspect: 'suspected the primary',
  'epoch-taken': 'took the epoch',
  fenced: 'fenced the primary before',
  promoted: 'promoted the new one',
} as const
type Mark = keyof typeof marks

/** The winner is the controller whose epoch the first ack carries. Its own events give the marks. */
function winnersMarks(
  events: readonly TimelineEvent[],
  originNs: bigint,
  t0Ms: number,
  epoch: number,
): Readonly<Record<Mark, number | null>> {
  const ofControllers = events
    .filter(({ source }) => source === 'controller')
    .map((event) => ({ ...event, atMs: sinceMs(originNs, event.atNs) }))
  const ofEpoch = (kind: Mark) => ofControllers.find((event) => event.kind === kind && event.epoch === epoch)
  const taken = ofEpoch('epoch-taken')
  const suspect = ofControllers.find(
    ({ kind, site, atMs }) => kind === 'suspect' && site === taken?.site && atMs >= t0Ms && atMs <= taken.atMs,
  )
  return {
    suspect: suspect?.atMs ?? null,
    'epoch-taken': taken?.atMs ?? null,
    fenced: ofEpoch('fenced')?.atMs ?? null,
    promoted: ofEpoch('promoted')?.atMs ?? null,
  }
}

export interface PhasesMeasured {
  readonly phases: Phases
  /** Why there are none although an epoch changed; null: there are, or there is nothing to tell. */
  readonly unknown: string | null
}

/**
 * All of them or none: a phase next to a mark that no event gives would be a guess. Marks out of order (a client's ack may arrive before
 * the controller writes its event) are moved to the mark before, so the sum stays exact.
 * @param events in order of time
 * @param firstAck under the new epoch; null where no epoch changed, and there are no phases
 * @param restoredMs from t0; null: the phases end with the first ack
 * @param isOrdered nobody had to suspect anything: to decide begins at t0
 */
export function phasesOf(
  events: readonly TimelineEvent[],
  originNs: bigint,
  t0Ms: number,
  firstAck: AckedWrite | null,
  restoredMs: number | null,
  isOrdered: boolean,
): PhasesMeasured {
  if (firstAck === null) return { phases: noPhases, unknown: null }
  const { epoch } = firstAck
  const seen = winnersMarks(events, originNs, t0Ms, epoch)
  const names = (Object.keys(marks) as Mark[]).filter((name) => name !== 'suspect' || !isOrdered)
  const missing = names.filter((name) => seen[name] === null).map((name) => marks[name])
  if (missing.length > 0)
    return { phases: noPhases, unknown: `no event of epoch ${epoch} says when a controller ${missing.join(', ')}` }
  const endMs = restoredMs === null ? firstAck.doneMs : t0Ms + restoredMs
  let previousMs = t0Ms
  const phase = (mark: number | null): number | null => {
    if (mark === null) return null
    const clamped = Math.min(Math.max(mark, previousMs), endMs)
    const length = clamped - previousMs
    previousMs = clamped
    return length
  }
  return {
    phases: {
      detectMs: isOrdered ? null : phase(seen.suspect),
      decideMs: phase(seen['epoch-taken']),
      fenceMs: phase(seen.fenced),
      promoteMs: phase(seen.promoted),
      steerMs: phase(firstAck.doneMs),
      recoverMs: phase(restoredMs === null ? null : endMs),
    },
    unknown: null,
  }
}
