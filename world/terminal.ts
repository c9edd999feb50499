// The user's terminal joined to a container: a program run in it, or its log as it grows.
import type { Duplex } from 'node:stream'
import type Dockerode from 'dockerode'

/** Resolves with the program's exit code. Works without a terminal too: input is then handed on as it is. */
export async function runInteractively(docker: Dockerode, id: string, argv: readonly string[]): Promise<number> {
  const container = docker.getContainer(id)
  const onTerminal = process.stdin.isTTY && process.stdout.isTTY
  const exec = await container.exec({
    Cmd: [...argv],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: onTerminal,
  })
  const stream: Duplex = await exec.start({ hijack: true, stdin: true, Tty: onTerminal })
  const resize = (): void => {
    exec.resize({ h: process.stdout.rows, w: process.stdout.columns }).catch(() => {
      // The program has ended in the meantime.
    })
  }
  if (onTerminal) {
    process.stdin.setRawMode(true)
    process.stdout.on('resize', resize)
    resize()
    stream.pipe(process.stdout, { end: false })
  } else {
    docker.modem.demuxStream(stream, process.stdout, process.stderr)
  }
  process.stdin.pipe(stream)
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('end', resolve)
      stream.once('close', resolve)
      stream.once('error', reject)
    })
  } finally {
    process.stdin.unpipe(stream)
    if (onTerminal) {
      process.stdin.setRawMode(false)
      process.stdout.off('resize', resize)
    }
  }
  return (await exec.inspect()).ExitCode ?? 0
}

/** Prints the log so far and what comes, until the container ends or `signal` aborts. */
export async function followLogs(docker: Dockerode, id: string, signal: AbortSignal): Promise<void> {
  const stream = await docker.getContainer(id).logs({ stdout: true, stderr: true, follow: true })
  docker.modem.demuxStream(stream, process.stdout, process.stderr)
  await new Promise<void>((resolve) => {
    stream.once('end', resolve)
    signal.addEventListener('abort', () => resolve())
  })
}
