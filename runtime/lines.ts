// Lines of a stream, as they come. Only \n ends one: the text of JSON may hold every other end of a line.
import type { Readable } from 'node:stream'

/** @param hear is called with each whole line, without its end */
export function onLines(stream: Readable, hear: (line: string) => void): void {
  const decoder = new TextDecoder()
  let begun = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (begun + decoder.decode(chunk, { stream: true })).split('\n')
    begun = lines.pop() ?? ''
    for (const line of lines) hear(line)
  })
}
