// What is wrong with a value that has not the shape it should have, in one line.
import type { z } from 'zod'

/** `load.areas.na.planned: expected ...`; without a place where it is the whole. */
export function firstIssue({ issues: [issue] }: z.ZodError): string {
  const place = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  return `${place}${issue?.message}`
}
