// Reads a runbook and says everything that is wrong with it, by file, line and column, before anything starts.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isMap, isScalar, LineCounter, parse, parseDocument, type Document } from 'yaml'
import { servicesOf } from '#chaos/targets.ts'
import { runbook as runbookShape, type Runbook } from '#protocol/runbook.ts'
import { problemsOf, type Problem } from './problems.ts'

export interface ValidateOptions {
  /** `--set path=value`, in order. */
  readonly set: readonly string[]
  /** False: an `approve` step is refused (no terminal, and no `--yes`). */
  readonly canApprove: boolean
}

export interface LoadedRunbook {
  /** Name for folders and reports: the file's name without its ending. */
  readonly name: string
  readonly file: string
  readonly runbook: Runbook
}

/** Every problem is one line: file, line, column, expected, found. */
export class RunbookInvalid extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'RunbookInvalid'
    this.problems = problems
  }
}

const shippedFolder = join(import.meta.dirname, '..', 'runbooks')

/** Names of the runbooks that come with the tool. */
export async function shippedRunbooks(): Promise<readonly string[]> {
  const files = await readdir(shippedFolder)
  return files.filter((file) => file.endsWith('.yaml')).map((file) => basename(file, '.yaml'))
}

async function locate(nameOrPath: string): Promise<string> {
  const shipped = join(shippedFolder, `${nameOrPath}.yaml`)
  if (/^[\w-]+$/.test(nameOrPath) && existsSync(shipped)) return shipped
  if (existsSync(nameOrPath)) return nameOrPath
  const names = await shippedRunbooks()
  throw new RunbookInvalid([
    `expected a runbook's name (${names.join(', ')}) or the path of a YAML file, found ${JSON.stringify(nameOrPath)}`,
  ])
}

/**
 * @param nameOrPath a shipped name (`region-loss`) or a path to a YAML file
 * @throws RunbookInvalid
 */
export async function loadRunbook(nameOrPath: string, options: ValidateOptions): Promise<LoadedRunbook> {
  const file = await locate(nameOrPath)
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new RunbookInvalid([`${file}: expected a readable YAML file: ${(error as Error).message}`])
  })
  const shown = file.startsWith(shippedFolder) ? `runbooks/${basename(file)}` : file
  return { name: basename(file).replace(/\.ya?ml$/, ''), file, runbook: parseRunbook(shown, text, options) }
}

/**
 * @param file as it is named in errors
 * @throws RunbookInvalid
 */
export function parseRunbook(file: string, text: string, options: ValidateOptions): Runbook {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  if (document.errors.length > 0)
    throw new RunbookInvalid(
      document.errors.map((error) => {
        const { line, col } = lineCounter.linePos(error.pos[0])
        return `${file}:${line}:${col}: expected YAML, found: ${error.message}`
      }),
    )
  const changed = applySettings(document, options.set)
  const root: unknown = document.toJS()
  const parsed = runbookShape.safeParse(root)
  const problems = parsed.success ? meaningProblems(parsed.data, options) : problemsOf(runbookShape, root, parsed.error)
  if (problems.length > 0)
    throw new RunbookInvalid(
      problems.map((problem) => {
        const where = placeOf(problem, file, document, lineCounter, changed)
        return `${where}: ${problem.path.length === 0 ? '' : `${pathText(problem.path)}: `}${problem.expected}, found ${problem.found}`
      }),
    )
  return runbookShape.parse(root)
}

function pathText(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
    '',
  )
}

/** Puts `--set` values into the document. @returns the settings by the text of their path */
function applySettings(document: Document, settings: readonly string[]): ReadonlyMap<string, string> {
  const changed = new Map<string, string>()
  for (const setting of settings) {
    const match = /^([\w.[\]-]+)=(.*)$/s.exec(setting)
    if (match === null)
      throw new RunbookInvalid([
        `--set: expected path=value such as topology.commit=async, found ${JSON.stringify(setting)}`,
      ])
    const path = (match[1] ?? '')
      .split(/[.[\]]+/)
      .filter((key) => key !== '')
      .map((key) => (/^\d+$/.test(key) ? Number(key) : key))
    try {
      document.setIn(path, parse(match[2] ?? ''))
    } catch (error) {
      throw new RunbookInvalid([
        `--set ${setting}: expected a value inside the runbook, found: ${(error as Error).message}`,
      ])
    }
    changed.set(pathText(path), setting)
  }
  return changed
}

function placeOf(
  { path, atKey }: Problem,
  file: string,
  document: Document,
  lineCounter: LineCounter,
  changed: ReadonlyMap<string, string>,
): string {
  for (let length = path.length; length > 0; length -= 1) {
    const setting = changed.get(pathText(path.slice(0, length)))
    if (setting !== undefined) return `--set ${setting}`
  }
  // The nearest part that is in the file: the key itself if the value is missing or the key unknown.
  for (let length = path.length; length >= 0; length -= 1) {
    const parent: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const pair = isMap(parent)
      ? parent.items.find((item) => isScalar(item.key) && item.key.value === path[length - 1])
      : undefined
    const node: unknown = length === 0 ? parent : document.getIn(path.slice(0, length), true)
    const places = atKey === true ? [pair?.key, node] : [node, pair?.key]
    const range = (places as readonly ({ readonly range?: readonly number[] | null } | undefined)[])
      .map((each) => each?.range)
      .find((each) => each != null)
    if (range?.[0] !== undefined) {
      const { line, col } = lineCounter.linePos(range[0])
      return `${file}:${line}:${col}`
    }
  }
  return `${file}:1:1`
}

/** What a schema can't say: references between steps, and what needs a person. */
function meaningProblems(runbook: Runbook, options: ValidateOptions): readonly Problem[] {
  const problems: Problem[] = []
  if (runbook.topology.pattern !== 'active-passive')
    problems.push({
      path: ['topology', 'pattern'],
      expected: 'expected active-passive, the one pattern that can be built yet',
      found: JSON.stringify(runbook.topology.pattern),
    })
  const injected = new Set<string>()
  const healed = new Set<string>()
  let disturbed = false
  for (const [index, step] of runbook.method.entries()) {
    const at = (...path: readonly (string | number)[]): readonly (string | number)[] => ['method', index, ...path]
    if (step.fault !== undefined) {
      const { id, kind, target } = step.fault
      if (injected.has(id))
        problems.push({
          path: at('fault', 'id'),
          expected: 'expected a fault id of its own',
          found: `${id} a second time`,
        })
      if (kind === 'process-kill') problems.push(...targetProblems(at('fault', 'target'), target))
      if (
        kind === 'link-degrade' &&
        ![step.fault.delay, step.fault.jitter, step.fault.loss, step.fault.reorder, step.fault.bandwidth].some(
          (each) => each !== undefined,
        )
      )
        problems.push({
          path: at('fault'),
          expected: 'expected at least one of delay, jitter, loss, reorder, bandwidth',
          found: 'none',
        })
      injected.add(id)
      disturbed = true
    }
    if (step.action !== undefined) {
      disturbed = true
      if (step.action.kind === 'switchover' && step.action.to === undefined)
        problems.push({
          path: at('action'),
          expected: 'expected "to" with the region that shall be primary',
          found: 'none',
        })
    }
    if (step.heal !== undefined) {
      if (!injected.has(step.heal))
        problems.push({
          path: at('heal'),
          expected: `expected the id of a fault injected before (${[...injected].join(', ') || 'there is none'})`,
          found: JSON.stringify(step.heal),
        })
      else if (healed.has(step.heal))
        problems.push({
          path: at('heal'),
          expected: 'expected each fault to be healed once',
          found: `${step.heal} a second time`,
        })
      healed.add(step.heal)
    }
    if (step['wait-for']?.event === 'failover-complete' && !disturbed)
      problems.push({
        path: at('wait-for', 'event'),
        expected: 'expected a fault or an action before failover-complete',
        found: 'none',
      })
    if (step.approve !== undefined && !options.canApprove)
      problems.push({ path: at('approve'), expected: 'expected a terminal to ask at, or --yes', found: 'neither' })
  }
  return problems
}

function targetProblems(path: readonly (string | number)[], target: string): readonly Problem[] {
  try {
    servicesOf(target)
    return []
  } catch (error) {
    const [expected = '', found = ''] = (error as Error).message.split(', saw ')
    return [{ path, expected, found }]
  }
}
