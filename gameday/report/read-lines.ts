// The lines of a drill's file one after another: the file may be larger than memory, or than a string can be.
import { createReadStream, existsSync } from 'node:fs'
import type { z } from 'zod'
import { firstIssue } from '#runtime/first-issue.ts'
import { EnvironmentError } from '#world/environment-error.ts'

/** Bytes that are read at once. */
const batchBytes = 1 << 20

function parseLine<Shape extends z.ZodType>(line: string, where: string, shape: Shape): z.infer<Shape> {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    throw new EnvironmentError(
      `${where}: expected one whole record in JSON, saw ${line.slice(0, 80)}: the file was changed or cut; take another drill`,
    )
  }
  const parsed = shape.safeParse(json)
  if (parsed.success) return parsed.data
  throw new EnvironmentError(
    `${where}: expected a record as a drill writes it, saw another (${firstIssue(parsed.error)}): the file was changed; take another drill`,
  )
}

async function* textLines(file: string): AsyncGenerator<readonly string[]> {
  let rest = ''
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: batchBytes })) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield lines
  }
  yield [rest]
}

/**
 * Nothing if there is no such file.
 * @throws EnvironmentError at the first line that is no whole record of that shape
 */
export async function* readLines<Shape extends z.ZodType>(file: string, shape: Shape): AsyncGenerator<z.infer<Shape>> {
  if (!existsSync(file)) return
  let number = 0
  for await (const lines of textLines(file))
    for (const line of lines) {
      number += 1
      if (line !== '') yield parseLine(line, `${file}, line ${number}`, shape)
    }
}
