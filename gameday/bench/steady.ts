// Steady load over poor links: how many failovers happen that nobody ordered and no fault explains.
import { runbook } from '#protocol/runbook.ts'
import { formatMs } from '../measure/objectives.ts'
import { figureOf, requestsOf, unknownOf } from '../report/figures.ts'
import { runDrill } from '../run-drill.ts'
import type { BenchOptions, BenchResult } from './run-bench.ts'

export async function benchSteady(options: BenchOptions): Promise<BenchResult> {
  const { topology } = options.world
  const parsed = runbook.parse({
    title: 'Steady load with 10 % jitter and 1 % loss on every link',
    load: { rate: '100/s' },
    'steady-state-hypothesis': { 'success-rate': '>= 99%', p99: '<= 1s' },
    method: [
      { hold: '6s' },
      {
        fault: {
          id: 'poor',
          kind: 'link-degrade',
          target: 'all',
          jitter: 0.1,
          loss: 0.01,
          background: true,
          for: '1h',
        },
      },
      { hold: `${options.durationMs}ms` },
      { heal: 'poor' },
    ],
  })
  const loaded = { name: 'bench-steady', file: 'bench-steady', runbook: { ...parsed, topology } }
  const { journal, folder } = await runDrill({ ...options, loaded, seed: 1, approve: () => Promise.resolve(false) })
  const hours = options.durationMs / 3_600_000
  const json = {
    durationMs: options.durationMs,
    falseFailovers: journal.falseFailovers,
    falseFailoversPerHour: journal.falseFailovers === null ? null : journal.falseFailovers / hours,
    requests: journal.requests,
    longestGapMs: journal.outage.longestMs,
    splitBrain: journal.splitBrain,
    lost: journal.rpo.postgres.lostCount,
    unknown: journal.unknown,
    interruption: journal.interruption,
    folder,
  }
  const screen = [
    `${formatMs(options.durationMs)} of 100 operations/s, 10 % jitter and 1 % loss on every link`,
    ...(journal.interruption === null ? [] : [`ended early: ${journal.interruption}`]),
    `false failovers  ${figureOf(journal, 'falseFailovers', journal.falseFailovers).text}`,
    `requests         ${requestsOf(journal).text}`,
    `longest gap      ${figureOf(journal, 'outage.longestMs', journal.outage.longestMs, formatMs).text}`,
    ...unknownOf(journal).map(({ reason, figures }) => `unknown          ${figures.join(', ')}: ${reason}`),
    `files            ${folder}`,
  ].join('\n')
  return { screen, json, verdict: journal.verdict }
}
