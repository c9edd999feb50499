// Small files of containers, through Docker's archives: they can be read and written whatever state the container is in.
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import type Dockerode from 'dockerode'

/** Null if the file is not there (yet). */
export async function readFileOf(container: Dockerode.Container, path: string): Promise<string | null> {
  try {
    return await firstFileOf((await container.getArchive({ path })) as Readable)
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return null
    throw error
  }
}

/** The text of the one file in a tar: a 512-byte header with the size in octal, then the content. */
async function firstFileOf(archive: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(chunk as Buffer)
  const tar = Buffer.concat(chunks)
  const size = Number.parseInt(tar.subarray(124, 136).toString(), 8)
  return tar.subarray(512, 512 + size).toString()
}

export async function writeFileOf(container: Dockerode.Container, path: string, text: string): Promise<void> {
  const { dir, base } = posix.parse(path)
  await container.putArchive(archiveOfOne(base, Buffer.from(text)), { path: dir })
}

const blockBytes = 512

/** A tar with one file, readable by all, owned by root. */
function archiveOfOne(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, length: number): unknown =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
  header.write(name, 0)
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(content.length, 124, 12)
  octal(Math.floor(Date.now() / 1000), 136, 12)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  // The sum is taken with spaces in its own place.
  header.fill(' ', 148, 156)
  header.write(
    `${header
      .reduce((sum, each) => sum + each, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const body = Buffer.alloc(Math.ceil(content.length / blockBytes) * blockBytes)
  content.copy(body)
  return Buffer.concat([header, body, Buffer.alloc(2 * blockBytes)])
}
