// Structured logs: one JSON object per line on standard output, monotonic nanoseconds in `atNs`.
import { pino, type Logger } from 'pino'
import { monotonicNs } from './clock.ts'

export type Log = Logger

export function createLog(name: string, level = 'info', bindings: Readonly<Record<string, unknown>> = {}): Log {
  return pino({
    level,
    base: { name, ...bindings },
    mixin: () => ({ atNs: monotonicNs().toString() }),
  })
}
