// Where the time went: detect, decide, fence, promote, steer, recover; contiguous, and together they are *restored*.
import { noPhases, type Phases } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { sinceMs, type AckedWrite } from './history.ts'

interface Marks {
  readonly suspectMs: number | null
  readonly epochMs: number | null
  readonly fencedMs: number | null
  readonly promotedMs: number | null
}

/** The winner is the controller whose epoch the first ack carries. Its own events give the marks. */
function winnersMarks(events: readonly TimelineEvent[], originNs: bigint, t0Ms: number, epoch: number): Marks {
  const at = (event: TimelineEvent | undefined): number | null =>
    event === undefined ? null : sinceMs(originNs, event.atNs)
  const ofEpoch = events.filter((event) => event.epoch === epoch && event.source === 'controller')
  const taken = ofEpoch.find((event) => event.kind === 'epoch-taken')
  const suspect = events.find(
    (event) =>
      event.kind === 'suspect' &&
      event.source === 'controller' &&
      event.site === taken?.site &&
      sinceMs(originNs, event.atNs) >= t0Ms,
  )
  return {
    suspectMs: at(suspect),
    epochMs: at(taken),
    fencedMs: at(ofEpoch.find((event) => event.kind === 'fenced')),
    promotedMs: at(ofEpoch.find((event) => event.kind === 'promoted')),
  }
}

/**
 * A mark that nobody reported gives `null`, and its time goes to the next phase. Marks out of order (a client's ack may arrive before the controller
 * writes its event) are moved to the mark before, so the sum stays exact.
 * @param events in order of time
 * @param firstAck under the new epoch; null where no epoch changed, and there are no phases
 * @param restoredMs from t0; null: the phases end with the first ack
 */
export function phasesOf(
  events: readonly TimelineEvent[],
  originNs: bigint,
  t0Ms: number,
  firstAck: AckedWrite | null,
  restoredMs: number | null,
): Phases {
  if (firstAck === null) return noPhases
  const marks = winnersMarks(events, originNs, t0Ms, firstAck.epoch)
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
    detectMs: phase(marks.suspectMs),
    decideMs: phase(marks.epochMs),
    fenceMs: phase(marks.fencedMs),
    promoteMs: phase(marks.promotedMs),
    steerMs: phase(firstAck.doneMs),
    recoverMs: phase(restoredMs === null ? null : endMs),
  }
}
