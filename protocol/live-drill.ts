// What a running drill shows of itself while it runs, to the dashboard: a file that the drill's process replaces at each change,
// `drill.json` in the world's live folder (`liveFolder` in world/checkout.ts). An answer to its question is a file beside it,
// `approval.json`.
import { z } from 'zod'
import { verdicts } from './journal.ts'

export const stepStates = ['waiting', 'running', 'done', 'failed', 'skipped'] as const

export const liveStep = z.object({
  title: z.string(),
  kind: z.string(),
  state: z.enum(stepStates),
  /** The last thing that the step said of itself. */
  note: z.string().nullable(),
  /** Wall time in ms, for people. */
  startedMs: z.number().nullable(),
  endedMs: z.number().nullable(),
})

export const liveDrill = z.object({
  drill: z.string(),
  /** The drill's folder, absolute. */
  folder: z.string(),
  runbook: z.string(),
  title: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  /** `ended`: the verdict is there, or the process says why it has none in `interruption`. */
  state: z.enum(['running', 'rolling-back', 'checking', 'ended']),
  steps: z.array(liveStep),
  /** The question that the drill waits with; its id is answered in `approval.json`. */
  approval: z.object({ id: z.string(), question: z.string() }).nullable(),
  verdict: z.enum(verdicts).nullable(),
  interruption: z.string().nullable(),
})
export type LiveDrill = z.infer<typeof liveDrill>

export const approvalAnswer = z.object({
  id: z.string(),
  approved: z.boolean(),
  from: z.enum(['dashboard', 'terminal']),
})
export type ApprovalAnswer = z.infer<typeof approvalAnswer>
