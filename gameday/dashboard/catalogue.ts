// The shipped runbooks as the page offers them: what each is, what can be set, and what this world lacks for it.
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Topology } from '#protocol/topology.ts'
import { loadRunbook, RunbookInvalid, shippedRunbooks, type LoadedRunbook } from '../validate.ts'
import type { RunbookEntry, RunbookParameter } from './model/offers.ts'

const parameterValue = z.union([z.string(), z.number(), z.boolean()])
/** Only as far as it is shown: what is wrong with it is told when the runbook is checked. */
const declared = z.object({
  parameters: z
    .record(
      z.string(),
      z.union([
        parameterValue,
        z.object({
          default: parameterValue,
          description: z.string().default(''),
          'one-of': z.array(parameterValue).default([]),
        }),
      ]),
    )
    .default({}),
})

export async function runbookCatalogue(topology: Topology): Promise<readonly RunbookEntry[]> {
  const names = await shippedRunbooks()
  return Promise.all(names.toSorted().map((name) => entryOf(name, topology)))
}

async function entryOf(name: string, topology: Topology): Promise<RunbookEntry> {
  const loaded = await loadRunbook(name, { set: [], canApprove: true })
  return {
    name,
    title: loaded.runbook.title,
    steps: loaded.runbook.method.length,
    asksForApproval: await asksForApproval(name, []),
    parameters: await parametersOf(loaded.file),
    otherTopology: otherTopology(loaded, topology),
  }
}

/** Whether there is a step that a person has to answer. */
export async function asksForApproval(name: string, set: readonly string[]): Promise<boolean> {
  try {
    await loadRunbook(name, { set, canApprove: false })
    return false
  } catch (error) {
    if (error instanceof RunbookInvalid) return true
    throw error
  }
}

async function parametersOf(file: string): Promise<readonly RunbookParameter[]> {
  const { parameters } = declared.parse(parse(await readFile(file, 'utf8')))
  return Object.entries(parameters).map(([name, each]) => {
    if (typeof each !== 'object') return { name, initial: String(each), description: '', choices: [] }
    return {
      name,
      initial: String(each.default),
      description: each.description,
      choices: each['one-of'].map(String),
    }
  })
}

export function otherTopology({ runbook }: LoadedRunbook, topology: Topology): readonly string[] {
  const wanted = runbook.topology
  return (Object.keys(wanted) as (keyof Topology)[])
    .filter((key) => wanted[key] !== topology[key])
    .map((key) => `${key} is ${String(topology[key])}, it needs ${String(wanted[key])}`)
}
