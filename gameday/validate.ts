// Reads a runbook and says everything that is wrong with it, by file, line and column, before anything starts.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, parse, type Document } from 'yaml'
import { printable } from '#protocol/names.ts'
import { runbook as runbookShape, type Runbook } from '#protocol/runbook.ts'
import { meaningProblems } from './meaning.ts'
import { pathText, type Path } from './method.ts'
import { declaredNames, fillParameters, isDeclared, setParameter } from './parameters.ts'
import { problemsOf, RunbookInvalid, type Problem } from './problems.ts'
import { readText, readYaml, toPlain } from './read-yaml.ts'

export interface ValidateOptions {
  /** `--set parameter=value` or `--set path=value`, in order. */
  readonly set: readonly string[]
  /** False: an `approve` step is refused (no terminal, and neither `--yes` nor `--approve-in-dashboard`). */
  readonly canApprove: boolean
}

export { RunbookInvalid } from './problems.ts'

export interface LoadedRunbook {
  /** For people: the file's name without its ending, fit to be printed. Folders and keys are made of it by `drillName`. */
  readonly name: string
  /** Fit to be printed. */
  readonly file: string
  readonly runbook: Runbook
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
  const text = await readText(file)
  const shown = file.startsWith(shippedFolder + sep) ? `runbooks/${basename(file)}` : printable(file)
  const name = printable(basename(file).replace(/\.ya?ml$/, '')) || 'runbook'
  return { name, file: printable(file), runbook: parseRunbook(shown, text, options) }
}

/** Those that are valid, and what is wrong with the rest. A setting that one of several does not take is told with its name. */
export async function loadRunbooks(
  names: readonly string[],
  options: ValidateOptions,
): Promise<{ readonly valid: readonly LoadedRunbook[]; readonly problems: readonly string[] }> {
  const valid: LoadedRunbook[] = []
  const problems: string[] = []
  for (const name of names)
    try {
      valid.push(await loadRunbook(name, options))
    } catch (error) {
      if (!(error instanceof RunbookInvalid)) throw error
      const own = names.length === 1 ? '' : `${printable(name)}: `
      problems.push(...error.problems.map((each) => (each.startsWith('--set') ? `${own}${each}` : each)))
    }
  return { valid, problems }
}

/**
 * @param file as it is named in errors
 * @throws RunbookInvalid
 */
export function parseRunbook(file: string, text: string, options: ValidateOptions): Runbook {
  const lineCounter = new LineCounter()
  const document = readYaml(file, text, lineCounter)
  const changed = applySettings(document, options.set)
  const { problems: parameterProblems, templates } = fillParameters(document)
  const root = toPlain(document, file)
  const parsed = runbookShape.safeParse(root)
  const schemaProblems = parsed.success
    ? meaningProblems(parsed.data, options.canApprove)
    : problemsOf(runbookShape, root, parsed.error)
  // What stands in the place of a parameter that is none says nothing.
  const unfilled = new Set(parameterProblems.map((each) => pathText(each.path)))
  const problems = [...parameterProblems, ...schemaProblems.filter((each) => !unfilled.has(pathText(each.path)))]
  if (parsed.success && problems.length === 0) return parsed.data
  throw new RunbookInvalid(
    problems.map((problem) => {
      const where = placeOf(problem, file, document, lineCounter, changed)
      const template = templates.get(pathText(problem.path))
      const from = template === undefined || unfilled.has(pathText(problem.path)) ? '' : ` (it says ${template})`
      return `${where}: ${problem.path.length === 0 ? '' : `${pathText(problem.path)}: `}${problem.expected}, found ${problem.found}${from}`
    }),
  )
}

/** Puts `--set` values into the document. @returns the settings by the text of their path */
function applySettings(document: Document, settings: readonly string[]): ReadonlyMap<string, string> {
  const changed = new Map<string, string>()
  for (const setting of settings) {
    const match = /^([\w-]+(?:\.[\w-]+|\[\d+\])*)=(.*)$/s.exec(setting)
    if (match === null)
      throw new RunbookInvalid([
        `--set: expected path=value such as topology.commit=async or method[0].hold=5s, found ${JSON.stringify(setting)}`,
      ])
    const keys = [...(match[1] ?? '').matchAll(/\[(\d+)\]|[\w-]+/g)]
    const path = keys.map(([key, index]) => (index === undefined ? key : Number(index)))
    changed.set(applyOne(document, path, match[2] ?? '', setting), setting)
  }
  return changed
}

/** @returns the text of the path that it changed */
function applyOne(document: Document, path: Path, text: string, setting: string): string {
  // Both ways to name a parameter mean its value, however it is declared.
  const [name = '', ...rest] = path.length === 2 && path[0] === 'parameters' ? path.slice(1) : path
  const isParameter = rest.length === 0 && isDeclared(document, String(name))
  if (path.length === 1 && !isParameter && !Object.hasOwn(runbookShape.shape, name)) {
    const names = declaredNames(document).join(', ') || 'none is declared'
    throw new RunbookInvalid([
      `--set ${setting}: expected a parameter of the runbook (${names}) or a path such as topology.commit, found ${JSON.stringify(name)}`,
    ])
  }
  try {
    if (isParameter) setParameter(document, String(name), text)
    else {
      refuseGaps(document, path)
      document.setIn(path, valueOf(text))
    }
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n')
    throw new RunbookInvalid([
      reason.startsWith('expected')
        ? `--set ${setting}: ${reason}`
        : `--set ${setting}: expected a value inside the runbook, found: ${reason}`,
    ])
  }
  return isParameter ? `parameters.${String(name)}` : pathText(path)
}

/** What is no YAML is text: a bound such as `>= 99%` means itself. */
function valueOf(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return text
  }
}

/** @throws RangeError for an entry that lies beyond the end of its list, and for a part of what has none */
function refuseGaps(document: Document, path: Path): void {
  for (const [at, key] of path.entries()) {
    const whole = pathText(path.slice(0, at))
    const node: unknown = document.getIn(path.slice(0, at), true)
    if (isSeq(node) && typeof key !== 'number')
      throw new RangeError(`expected the number of an entry, such as ${whole}[0], found ${whole}.${key}`)
    if (isSeq(node) && Number(key) >= node.items.length)
      throw new RangeError(
        `expected an entry of ${whole}, which has ${node.items.length}, counted from 0, found [${key}]`,
      )
    if (isMap(node) && typeof key === 'number')
      throw new RangeError(`expected a key of ${whole}, which is no list, found [${key}]`)
    if (isScalar(node) && node.value !== null)
      throw new RangeError(`expected ${whole} alone, which has no parts, found ${pathText(path)}`)
  }
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
  // A setting may have made more than it named.
  const text = pathText(path)
  const maker = atKey === true ? [...changed.keys()].find((each) => each.startsWith(`${text}.`)) : undefined
  if (maker !== undefined) return `--set ${changed.get(maker)}`
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
