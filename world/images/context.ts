// What a Dockerfile takes from the checkout, the content of it as one hash, and the build context that carries exactly that.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { pack } from 'tar-fs'

export interface BuildContext {
  /** Path of the Dockerfile, relative to the root. */
  readonly dockerfile: string
  /** What it copies, relative to the root. */
  readonly sources: readonly string[]
  /** The base images that it takes by build argument. */
  readonly bases: readonly ('BASE' | 'RUNTIME')[]
}

/** Name of the file in an artifact's folder that states what of the artifact an image depends on: a hash of what it was made from. */
export const artifactStamp = '.content'
const artifactPattern = /^\.firedrill\/artifacts\/([^/]+)/

/**
 * Reads `ARG BASE|RUNTIME` and the sources of COPY (not those from other stages).
 * @param root the checkout
 */
export function readContext(root: string, dockerfile: string): BuildContext {
  const text = readFileSync(join(root, dockerfile), 'utf8').replace(/\\\n/g, ' ')
  const sources = new Set<string>()
  const bases = new Set<'BASE' | 'RUNTIME'>()
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    const keyword = words[0]?.toUpperCase()
    if (keyword === 'ARG') {
      const name = words[1]?.split('=')[0]
      if (name === 'BASE' || name === 'RUNTIME') bases.add(name)
    }
    if (keyword !== 'COPY' || words.some((word) => word.startsWith('--from='))) continue
    const operands = words.slice(1).filter((word) => !word.startsWith('--'))
    for (const source of operands.slice(0, -1)) sources.add(source.replace(/^\.?\//, '').replace(/\/$/, ''))
  }
  return { dockerfile, sources: [...sources].sort(), bases: [...bases] }
}

/** Names of the artifacts that have to be there before the build. */
export function artifactsOf(context: BuildContext): readonly string[] {
  const names = context.sources.map((source) => artifactPattern.exec(source)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))]
}

/** One hash of the Dockerfile, everything it copies (an artifact by its stamp), and `extra` (base images, arguments). */
export function hashContext(root: string, context: BuildContext, extra: readonly string[]): string {
  const hash = createHash('sha256')
  const add = (text: string | Buffer): void => {
    hash.update(`${text.length}:`).update(text)
  }
  for (const text of extra) add(text)
  add(readFileSync(join(root, context.dockerfile)))
  for (const name of artifactsOf(context)) add(readFileSync(join(root, '.firedrill/artifacts', name, artifactStamp)))
  for (const source of context.sources) {
    add(source)
    if (artifactPattern.test(source)) continue
    for (const file of filesBelow(root, source)) {
      add(file)
      add((statSync(join(root, file)).mode & 0o111) === 0 ? 'plain' : 'executable')
      add(readFileSync(join(root, file)))
    }
  }
  return hash.digest('hex')
}

/** A tar of the Dockerfile and what it copies, owned by root. */
export function packContext(root: string, context: BuildContext): NodeJS.ReadableStream {
  const stream = pack(root, {
    entries: [context.dockerfile, ...context.sources.flatMap((source) => entriesOf(root, source))],
    dereference: false,
    map: (header) => ({ ...header, uid: 0, gid: 0, mtime: new Date(0) }),
  })
  return stream as unknown as NodeJS.ReadableStream
}

/** Artifacts go in whole; folders of the checkout without tests. */
function entriesOf(root: string, source: string): string[] {
  return artifactPattern.test(source) ? [source] : filesBelow(root, source)
}

function filesBelow(root: string, path: string): string[] {
  const absolute = join(root, path)
  if (!existsSync(absolute)) throw new Error(`a Dockerfile copies ${path}, which does not exist in ${root}`)
  if (!statSync(absolute).isDirectory()) return [path]
  return readdirSync(absolute, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.endsWith('.test.ts') && !file.endsWith('/tsconfig.json'))
    .sort()
}
