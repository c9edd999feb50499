// Reads a runbook and says everything that is wrong with it, by file, line and column, before anything starts.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, parse, parseDocument, visit, type Document } from 'yaml'
import { runbook as runbookShape, type Runbook } from '#protocol/runbook.ts'
import { meaningProblems } from './meaning.ts'
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
    const { code, message } = error as NodeJS.ErrnoException
    const found: Readonly<Record<string, string>> = { EISDIR: 'a folder', EACCES: 'one that may not be read' }
    throw new RunbookInvalid([`${file}: expected a readable YAML file, found ${found[code ?? ''] ?? message}`])
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
  // What comes after the first error mostly follows from it. A warning is a tag that nobody here understands.
  const [broken] = [...document.errors, ...document.warnings]
  if (broken !== undefined) {
    const { line, col } = lineCounter.linePos(broken.pos[0])
    throw new RunbookInvalid([`${file}:${line}:${col}: expected YAML, found: ${broken.message}`])
  }
  const changed = applySettings(document, options.set)
  const root = plain(document, file, lineCounter)
  const parsed = runbookShape.safeParse(root)
  const problems = parsed.success
    ? meaningProblems(parsed.data, options.canApprove)
    : problemsOf(runbookShape, root, parsed.error)
  if (problems.length > 0)
    throw new RunbookInvalid(
      problems.map((problem) => {
        const where = placeOf(problem, file, document, lineCounter, changed)
        return `${where}: ${problem.path.length === 0 ? '' : `${pathText(problem.path)}: `}${problem.expected}, found ${problem.found}`
      }),
    )
  return runbookShape.parse(root)
}

/** @throws RunbookInvalid for an alias of no anchor: only then it is resolved */
function plain(document: Document, file: string, lineCounter: LineCounter): unknown {
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return
      const { line, col } = lineCounter.linePos(alias.range?.[0] ?? 0)
      throw new RunbookInvalid([`${file}:${line}:${col}: expected an anchor before its alias, found *${alias.source}`])
    },
  })
  return document.toJS()
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
      refuseGaps(document, path)
      document.setIn(path, parse(match[2] ?? ''))
    } catch (error) {
      const [reason] = (error as Error).message.split('\n')
      throw new RunbookInvalid([`--set ${setting}: expected a value inside the runbook, found: ${reason}`])
    }
    changed.set(pathText(path), setting)
  }
  return changed
}

/** @throws RangeError for an entry that lies beyond the end of its list */
function refuseGaps(document: Document, path: readonly (string | number)[]): void {
  for (const [at, key] of path.entries()) {
    const list: unknown = document.getIn(path.slice(0, at), true)
    if (isSeq(list) && typeof key === 'number' && key >= list.items.length)
      throw new RangeError(`${pathText(path.slice(0, at))} has ${list.items.length} entries, counted from 0`)
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
