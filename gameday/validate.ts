// Reads a runbook and says everything that is wrong with it, by file, line and column, before anything starts.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parse,
  parseDocument,
  visit,
  type Document,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml'
import { runbook as runbookShape, type Runbook } from '#protocol/runbook.ts'
import { meaningProblems } from './meaning.ts'
import { pathText, type Path } from './method.ts'
import { declaredNames, fillParameters, isDeclared, setParameter } from './parameters.ts'
import { problemsOf, type Problem } from './problems.ts'

export interface ValidateOptions {
  /** `--set parameter=value` or `--set path=value`, in order. */
  readonly set: readonly string[]
  /** False: an `approve` step is refused (no terminal, and neither `--yes` nor `--approve-in-dashboard`). */
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

/** @throws RunbookInvalid for aliases of aliases of aliases, which would fill all memory */
function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw new RunbookInvalid([`${file}:1:1: expected a runbook of some pages, found: ${(error as Error).message}`])
  }
}

/** What a text editor would not show, and no YAML may hold: control characters, and what stands for bytes that are no UTF-8. */
function unreadableAt(text: string): number {
  return text.split('').findIndex((each) => {
    const code = each.charCodeAt(0)
    return (code < 0x20 && !'\t\n\r'.includes(each)) || code === 0x7f || code === 0xfffd
  })
}

/**
 * Where the mistake was made, which its reader meets later or remembers earlier: what is opened and never closed is told at the end,
 * what stands too far right at the value that it was taken for a part of.
 */
function causeOf({ message, pos: [at] }: YAMLParseError | YAMLWarning, document: Document, text: string): number {
  if (/^Flow (map|sequence)|^Missing closing/.test(message)) {
    let opened = at
    visit(document, {
      Node(_key, node) {
        const quoted = isScalar(node) && (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE')
        const opens = message.startsWith('Flow') ? isCollection(node) && node.flow === true : quoted
        const [start = at, end = at] = node.range ?? []
        if (opens && start < at && (end >= at || text.slice(end, at).trim() === '')) opened = start
      },
    })
    return opened
  }
  if (/^Nested mappings|^Implicit keys|implicit map key/.test(message)) {
    const colonAt = at + text.slice(at).search(/:\s/)
    const lineAt = text.lastIndexOf('\n', colonAt) + 1
    const isValue = text.slice(text.lastIndexOf('\n', at) + 1, at).includes(': ')
    if (isValue && colonAt > at && lineAt > at) return lineAt + text.slice(lineAt).search(/\S/)
  }
  return at
}

/** @throws RunbookInvalid for what is no YAML, or YAML that no runbook needs */
function readYaml(file: string, text: string, lineCounter: LineCounter): Document {
  const refuse = (offset: number, message: string): never => {
    const { line, col } = lineCounter.linePos(offset)
    throw new RunbookInvalid([`${file}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${message}`])
  }
  const junkAt = unreadableAt(text)
  if (junkAt >= 0) {
    const before = text.slice(0, junkAt).split('\n')
    const code = text.charCodeAt(junkAt)
    const found = code === 0xfffd ? 'bytes that are none' : `the character 0x${code.toString(16).padStart(2, '0')}`
    throw new RunbookInvalid([
      `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}: expected text in UTF-8, found ${found}`,
    ])
  }
  let document: Document
  try {
    document = parseDocument(text, { lineCounter, prettyErrors: false })
  } catch (error) {
    // Too deep for its reader.
    return refuse(0, `expected YAML, found: ${(error as Error).message.split('\n')[0]}`)
  }
  // What comes after the first error mostly follows from it. A warning is a tag that nobody here understands.
  const [broken] = [...document.errors, ...document.warnings].toSorted((left, right) => left.pos[0] - right.pos[0])
  if (broken !== undefined && text.startsWith('${', broken.pos[0] - 1))
    return refuse(broken.pos[0] - 1, 'expected quotes around text with ${...} between { and }, found none')
  if (broken !== undefined)
    return refuse(causeOf(broken, document, text), `expected YAML, found: ${broken.message.split('\n')[0]}`)
  visit(document, {
    Alias(_key, alias, ancestors) {
      const [start = 0] = alias.range ?? []
      const anchored = alias.resolve(document)
      if (anchored === undefined) refuse(start, `expected an anchor before its alias, found *${alias.source}`)
      if (ancestors.some((each) => each === anchored))
        refuse(start, `expected no value inside itself, found *${alias.source}`)
    },
    Pair(_key, pair) {
      const { key } = pair
      if (isScalar(key) || isAlias(key)) return
      const [start = 0] = (key as { readonly range?: readonly number[] | null } | null)?.range ?? []
      refuse(start, 'expected text as a key, found a list or a mapping')
    },
  })
  return document
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
    changed.set(applyOne(document, path, match[2] ?? '', setting), setting)
  }
  return changed
}

/** @returns the text of the path that it changed */
function applyOne(document: Document, path: Path, text: string, setting: string): string {
  const [name = ''] = path
  const isParameter = path.length === 1 && isDeclared(document, String(name))
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
      document.setIn(path, parse(text))
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

/** @throws RangeError for an entry that lies beyond the end of its list */
function refuseGaps(document: Document, path: Path): void {
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
