// junit.xml: a suite for each drill, in it one case for each objective, of the drill and of each incident, and each check.
import type { Journal, ObjectiveResult } from '#protocol/journal.ts'
import { escapeMarkup } from './escape.ts'

interface Case {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'unknown'
  readonly message: string
}

/** The cases of one drill, or of one that was refused. */
export interface Suite {
  readonly name: string
  readonly className: string
  readonly startedAt: string
  readonly durationMs: number
  readonly cases: readonly Case[]
}

export function renderJunit(journal: Journal): string {
  return renderSuites([suiteOf(journal)])
}

const outcomes = { met: 'passed', missed: 'failed', pass: 'passed', fail: 'failed', unknown: 'unknown' } as const

function objectiveCase(where: string, { name, status, demanded, measured }: ObjectiveResult): Case {
  return { name: `${where}objective ${name}`, outcome: outcomes[status], message: `${demanded}; ${measured}` }
}

export function suiteOf(journal: Journal): Suite {
  const cases: readonly Case[] = [
    ...journal.objectives.map((each) => objectiveCase('', each)),
    // With one incident alone the objective itself says it.
    ...journal.objectives.flatMap((each) =>
      each.incidents.length < 2
        ? []
        : each.incidents.map(({ id, ...seen }) => objectiveCase(`incident ${id}: `, { ...each, ...seen })),
    ),
    ...journal.checks.map(({ name, status, reason }): Case => ({ name, outcome: outcomes[status], message: reason })),
  ]
  const { drill, runbook, startedAt, durationMs } = journal
  return { name: drill, className: runbook, startedAt, durationMs, cases }
}

function countsOf(suites: readonly Suite[]): string {
  const cases = suites.flatMap((each) => each.cases)
  const failed = cases.filter((each) => each.outcome === 'failed').length
  const unknown = cases.filter((each) => each.outcome === 'unknown').length
  const seconds = suites.reduce((sum, each) => sum + each.durationMs, 0) / 1000
  return `tests="${cases.length}" failures="${failed}" errors="${unknown}" time="${seconds.toFixed(3)}"`
}

function suiteLines(suite: Suite): readonly string[] {
  const lines = suite.cases.map((each) => {
    const open = `    <testcase classname="${escapeMarkup(suite.className)}" name="${escapeMarkup(each.name)}"`
    if (each.outcome === 'passed') return `${open}/>`
    // What could not be measured is neither passed nor failed: JUnit's word for it is error.
    const element = each.outcome === 'failed' ? 'failure' : 'error'
    return `${open}><${element} message="${escapeMarkup(each.message)}"/></testcase>`
  })
  const attributes = `name="${escapeMarkup(suite.name)}" ${countsOf([suite])} timestamp="${escapeMarkup(suite.startedAt)}"`
  return [`  <testsuite ${attributes}>`, ...lines, '  </testsuite>']
}

export function renderSuites(suites: readonly Suite[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${countsOf(suites)}>`,
    ...suites.flatMap(suiteLines),
    '</testsuites>',
    '',
  ].join('\n')
}
