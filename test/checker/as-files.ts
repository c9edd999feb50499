// A record in memory as its files say it: what the checker reads.
import { finalReadsText, recordText } from '#gameday/measure/record-files.ts'
import type { DrillRecord } from '#gameday/measure/record.ts'
import type { DrillFiles, FinalReadsFile, RecordFile } from './files.ts'

export function asFiles(record: DrillRecord): DrillFiles {
  return {
    record: JSON.parse(recordText(record)) as RecordFile,
    finalReads: JSON.parse(finalReadsText(record.finalReads)) as FinalReadsFile,
    operations: record.operations,
    timeline: record.events.map(({ atNs, kind, epoch }) => ({ atNs, kind, ...(epoch === undefined ? {} : { epoch }) })),
  }
}
