// Authoritative DNS servers answer SERVFAIL, nothing, or what was true before.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const dnsFail: FaultHandler<'dns-fail'> = {
  summary: 'authoritative DNS servers answer SERVFAIL, nothing, or what was true before',
  ...notBuilt,
}
