// Output of a container that Docker frames, whole and cut short.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import Dockerode from 'dockerode'
import { demultiplex } from './docker-output.ts'

const docker = new Dockerode({ protocol: 'http', host: '127.0.0.1', port: 1 })
const frame = (channel: number, text: string): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt8(channel, 0)
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

void test('both streams are read to their end', async () => {
  const stream = new PassThrough()
  const read = demultiplex(docker, stream)
  stream.write(frame(1, 'one '))
  stream.write(frame(2, 'wrong'))
  stream.end(frame(1, 'two'))
  assert.deepEqual(await read, ['one two', 'wrong'])
})

void test('what Docker cuts short is an error, not an end', async () => {
  for (const error of [new Error('aborted'), undefined]) {
    const stream = new PassThrough()
    const read = demultiplex(docker, stream)
    stream.write(frame(1, 'one '))
    setImmediate(() => stream.destroy(error))
    await assert.rejects(read, /aborted|[Pp]remature close/)
  }
})
