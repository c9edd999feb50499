// junit.xml of a drill: one case for each objective and each check.
import type { Journal } from '#protocol/journal.ts'
import { escapeMarkup } from './escape.ts'

interface Case {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'unknown'
  readonly message: string
}

export function renderJunit(journal: Journal): string {
  const cases: readonly Case[] = [
    ...journal.objectives.map((each): Case => ({
      name: `objective ${each.name}`,
      outcome: each.status === 'met' ? 'passed' : each.status === 'missed' ? 'failed' : 'unknown',
      message: `${each.demanded}; ${each.measured}`,
    })),
    ...journal.checks.map((each): Case => ({
      name: each.name,
      outcome: each.status === 'pass' ? 'passed' : each.status === 'fail' ? 'failed' : 'unknown',
      message: each.reason,
    })),
  ]
  const failed = cases.filter((each) => each.outcome === 'failed').length
  const unknown = cases.filter((each) => each.outcome === 'unknown').length
  const lines = cases.map((each) => {
    const open = `    <testcase classname="${escapeMarkup(journal.runbook)}" name="${escapeMarkup(each.name)}"`
    if (each.outcome === 'passed') return `${open}/>`
    // What could not be measured is neither passed nor failed: JUnit's word for it is error.
    const element = each.outcome === 'failed' ? 'failure' : 'error'
    return `${open}><${element} message="${escapeMarkup(each.message)}"/></testcase>`
  })
  const counts = `tests="${cases.length}" failures="${failed}" errors="${unknown}" time="${(journal.durationMs / 1000).toFixed(3)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escapeMarkup(journal.drill)}" ${counts} timestamp="${escapeMarkup(journal.startedAt)}">`,
    ...lines,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}
