// Everything for people that a drill's folder holds beside its records: report.html, report.md and junit.xml.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { reportInput, type RawReport } from './report-input.ts'

/** @throws EnvironmentError where the operations come from a file that can't be read */
export async function writeReport(folder: string, raw: RawReport): Promise<void> {
  await writeFile(join(folder, 'report.html'), renderHtml(await reportInput(raw)))
  await writeFile(join(folder, 'report.md'), renderMarkdown(raw.journal, raw.integrity.changed))
  await writeFile(join(folder, 'junit.xml'), renderJunit(raw.journal))
}
