// Docker's framing of output without a terminal: stream number, three zeros, length (big endian), payload.
import { finished, PassThrough } from 'node:stream'
import type Dockerode from 'dockerode'

/** Both streams in the order in which they came. */
export function textOfFrames(raw: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= raw.length;) {
    const length = raw.readUInt32BE(at + 4)
    parts.push(raw.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString()
}

/** A container's output so far; `tail` limits it to the last lines. */
export async function outputOf(container: Dockerode.Container, tail?: number): Promise<string> {
  const lines = tail === undefined ? {} : { tail }
  return textOfFrames(await container.logs({ stdout: true, stderr: true, follow: false, ...lines }))
}

/** Standard output and standard error of a stream, to its end. @throws Error if Docker goes away before that */
export async function demultiplex(
  docker: Dockerode,
  stream: NodeJS.ReadableStream,
): Promise<readonly [string, string]> {
  const outputs = [new PassThrough(), new PassThrough()] as const
  const texts = outputs.map(async (each) => {
    const chunks: Buffer[] = []
    for await (const chunk of each) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString()
  })
  docker.modem.demuxStream(stream, outputs[0], outputs[1])
  finished(stream, { writable: false }, (error) => {
    for (const each of outputs) {
      if (error) each.destroy(error)
      else each.end()
    }
  })
  const [stdout = '', stderr = ''] = await Promise.all(texts)
  return [stdout, stderr]
}
