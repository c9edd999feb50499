// Everything for people that a drill's folder holds beside its records: report.html, report.md and junit.xml.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import type { ReportInput } from './report-input.ts'

export async function writeReport(folder: string, input: ReportInput): Promise<void> {
  await writeFile(join(folder, 'report.html'), renderHtml(input))
  await writeFile(join(folder, 'report.md'), renderMarkdown(input.journal))
  await writeFile(join(folder, 'junit.xml'), renderJunit(input.journal))
}
