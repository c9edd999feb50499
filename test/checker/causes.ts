// What begins incidents: rows of faults, and orders; and the times by which their outage may have ended.
import { nanoseconds, type DrillFiles, type FaultOfRecord, type RecordFile } from './files.ts'

export interface Cause {
  readonly cause: 'fault' | 'outside' | 'switchover' | 'failover' | 'failback'
  readonly t0Ns: string
  readonly t0: number
}

type Step = RecordFile['runbook']['method'][number]

/** The method itself and each branch of its parallel steps: lists of steps that follow one another. */
function branchesOf(method: readonly Step[]): readonly (readonly Step[])[] {
  const inner = method.flatMap((step) => step.parallel ?? [])
  return [method, ...inner.map((branch) => ('length' in branch ? branch : [branch]))]
}

/** Ids of each row. A fault that the method does not name is a row of its own. */
function rowsOf(record: RecordFile): readonly (readonly FaultOfRecord[])[] {
  const open = new Map(record.faults.map((fault) => [fault.id, fault]))
  const rows: FaultOfRecord[][] = []
  for (const branch of branchesOf(record.runbook.method)) {
    let row: FaultOfRecord[] = []
    rows.push(row)
    for (const step of branch) {
      const fault = step.fault === undefined ? undefined : open.get(step.fault.id)
      if (step.fault === undefined) {
        row = []
        rows.push(row)
      } else if (fault !== undefined) {
        open.delete(fault.id)
        row.push(fault)
      }
    }
  }
  const named = rows.map((row) => row.filter(({ background }) => !background))
  return [...named, ...[...open.values()].map((fault) => [fault])].filter(
    (row) => row.length > 0 && row.every(({ background }) => !background),
  )
}

/** In order of time; what began when the load was over was seen by no client. */
export function causesOf({ record }: DrillFiles, loadEnd: number): readonly Cause[] {
  const origin = BigInt(record.originNs)
  const at = (cause: Cause['cause'], t0Ns: string): Cause => ({ cause, t0Ns, t0: nanoseconds(t0Ns, origin) })
  const ofFaults = rowsOf(record).map((row) => {
    const [first] = row.map(({ firstNs }) => firstNs).sort((left, right) => (BigInt(left) < BigInt(right) ? -1 : 1))
    return at(row.some(({ outside }) => outside === true) ? 'outside' : 'fault', first ?? '')
  })
  const ofOrders = record.steps.flatMap(({ action, fromNs }) => (action === null ? [] : [at(action, fromNs)]))
  return [...ofFaults, ...ofOrders].filter(({ t0 }) => t0 < loadEnd).sort((left, right) => left.t0 - right.t0)
}

/** The times by which service is asked for, in order; the last is the end of the load. */
export function horizonsOf(
  { record }: DrillFiles,
  causes: readonly Cause[],
  t0: number,
  loadEnd: number,
): readonly number[] {
  const origin = BigInt(record.originNs)
  const heals = record.faults
    .filter(({ background }) => !background)
    .flatMap(({ healBeganNs, endedNs }) => {
      const ends = [healBeganNs, endedNs].flatMap((each) => (each === null ? [] : [nanoseconds(each, origin)]))
      return ends.length === 0 ? [] : [Math.min(...ends)]
    })
  const inside = [...heals, ...causes.map((each) => each.t0)].filter((each) => each > t0 && each < loadEnd)
  return [...new Set([...inside, loadEnd])].sort((left, right) => left - right)
}
