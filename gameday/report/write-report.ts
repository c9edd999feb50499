// Everything for people that a drill's folder holds beside its records: report.html and junit.xml.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Journal } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'

export async function writeReport(
  folder: string,
  journal: Journal,
  operations: readonly Operation[],
  events: readonly TimelineEvent[],
): Promise<void> {
  await writeFile(join(folder, 'report.html'), renderHtml(journal, operations, events))
  await writeFile(join(folder, 'junit.xml'), renderJunit(journal))
}
