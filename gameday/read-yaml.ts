// A runbook's text and its YAML, read so that nothing that a file may hold fills the memory, takes long, or ends in a stack trace.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type LineCounter,
  type Node,
  type YAMLMap,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml'
import { printable } from '#protocol/names.ts'
import { RunbookInvalid } from './problems.ts'

/** Far more than any runbook, and little enough to be read at once. */
const longestText = 256 * 1024
const silentPipeMs = 10_000
const writerComesMs = 1000
const pipeLookMs = 20
/** What the YAML reader itself allows. */
const mostAliases = 100
/** Mappings and lists inside each other, their entries counted as well. */
const deepest = 100

/** @throws RunbookInvalid for what can't be read, or is no runbook by its size */
export async function readText(file: string): Promise<string> {
  const shown = printable(file)
  try {
    // A pipe that nobody writes to would be waited for without end.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const isPipe = (await handle.stat()).isFIFO()
    const chunks: Buffer[] = []
    let length = 0
    // By pieces, since a pipe or a device has no size that it says before.
    while (length <= longestText) {
      const chunk = await readSome(handle, isPipe && length === 0)
      if (chunk.length === 0) return Buffer.concat(chunks).toString('utf8')
      chunks.push(chunk)
      length += chunk.length
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const found: Readonly<Record<string, string>> = {
      EISDIR: 'a folder',
      EACCES: 'one that may not be read',
      EAGAIN: `a pipe or a terminal that said nothing for ${silentPipeMs / 1000} s`,
    }
    throw new RunbookInvalid([`${shown}: expected a readable YAML file, found ${found[code ?? ''] ?? message}`])
  }
  throw new RunbookInvalid([tooLong(shown)])
}

/**
 * @param awaitsWriter a pipe whose writer may be about to open it: until then it looks as if it were at its end
 * @throws Error EAGAIN of a pipe or a terminal that said nothing for so long
 */
async function readSome(handle: FileHandle, awaitsWriter: boolean): Promise<Buffer> {
  const begunMs = performance.now()
  for (;;) {
    const spentMs = performance.now() - begunMs
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(65_536), 0, 65_536, null)
      if (bytesRead > 0 || !awaitsWriter || spentMs > writerComesMs) return buffer.subarray(0, bytesRead)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || spentMs > silentPipeMs) throw error
    }
    await sleep(pipeLookMs)
  }
}

function tooLong(file: string): string {
  return `${file}: expected a runbook of at most ${longestText / 1024} KiB, found more`
}

/** @throws RunbookInvalid for aliases of aliases of aliases, which would fill all memory */
export function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: mostAliases })
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

type Refuse = (offset: number, message: string) => never

/** @throws RunbookInvalid for what is no YAML, or YAML that no runbook needs */
export function readYaml(file: string, text: string, lineCounter: LineCounter): Document {
  const refuse: Refuse = (offset, message) => {
    const { line, col } = lineCounter.linePos(offset)
    throw new RunbookInvalid([`${file}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${message}`])
  }
  if (text.length > longestText) throw new RunbookInvalid([tooLong(file)])
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
    // Its own look for keys that stand twice compares each with each.
    document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false })
  } catch (error) {
    // Too deep for its reader.
    return refuse(0, `expected YAML, found: ${(error as Error).message.split('\n')[0]}`)
  }
  // What comes after the first error mostly follows from it. A warning is a tag that nobody here understands.
  const [broken] = [...document.errors, ...document.warnings].toSorted((left, right) => left.pos[0] - right.pos[0])
  if (broken !== undefined && text.startsWith('${', broken.pos[0] - 1))
    return refuse(broken.pos[0] - 1, 'expected quotes around text with ${...} between { and }, found none')
  if (broken?.code === 'MULTIPLE_DOCS')
    return refuse(
      broken.pos[0],
      'expected one runbook in a file, found a second document after "---": give it a file of its own',
    )
  if (broken !== undefined)
    return refuse(causeOf(broken, document, text), `expected YAML, found: ${broken.message.split('\n')[0]}`)
  refuseUnneeded(document, refuse)
  // Aliases of aliases are found here, before anybody looks at a part of them.
  toPlain(document, file)
  return document
}

/** One walk, since each `resolve` of the library is one. */
function refuseUnneeded(document: Document, refuse: Refuse): void {
  const anchors = new Map<string, Node>()
  let aliases = 0
  visit(document, (_key, node, ancestors) => {
    if (ancestors.length > deepest)
      refuse(startOf(node), `expected at most ${deepest / 2} values inside each other, found more`)
    if (isAlias(node)) {
      aliases += 1
      if (aliases > mostAliases) refuse(startOf(node), `expected at most ${mostAliases} aliases, found more`)
      refuseAlias(node, anchors.get(node.source), ancestors, refuse)
    } else if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isMap(node)) refuseKeys(node, refuse)
  })
}

function startOf(node: unknown): number {
  return (node as { readonly range?: readonly number[] | null } | null)?.range?.[0] ?? 0
}

function refuseAlias(alias: Alias, anchored: Node | undefined, ancestors: readonly unknown[], refuse: Refuse): void {
  if (anchored === undefined) refuse(startOf(alias), `expected an anchor before its alias, found *${alias.source}`)
  if (ancestors.includes(anchored)) refuse(startOf(alias), `expected no value inside itself, found *${alias.source}`)
}

function refuseKeys(map: YAMLMap, refuse: Refuse): void {
  const seen = new Set<unknown>()
  for (const { key } of map.items) {
    if (!isScalar(key) && !isAlias(key)) refuse(startOf(key), 'expected text as a key, found a list or a mapping')
    if (!isScalar(key)) continue
    if (seen.has(key.value)) refuse(startOf(key), `expected each key once, found ${JSON.stringify(key.value)} again`)
    seen.add(key.value)
  }
}
