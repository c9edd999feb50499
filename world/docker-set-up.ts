// Installs Docker from the distribution's packages (as root on Debian and Ubuntu) and starts its daemon, with or without systemd.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { loadHostConfig } from '#runtime/config.ts'
import { lastLines, run } from './child-process.ts'
import { stateFolder } from './checkout.ts'
import { EnvironmentError } from './environment-error.ts'

const pidFile = '/var/run/docker.pid'
const answerTimeoutMs = 60_000

export function findProgram(name: string): string | null {
  for (const folder of ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not in this folder
    }
  }
  return null
}

export function isDockerInstalled(): boolean {
  return process.platform !== 'linux' || findProgram('dockerd') !== null
}

export function canInstallPackages(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && findProgram('apt-get') !== null
}

/**
 * Installs packages of the distribution without asking and without recommended ones.
 * @throws EnvironmentError with apt-get's last words
 */
export async function installPackages(names: readonly string[], say: (line: string) => void): Promise<void> {
  say(`installing the distribution's packages ${names.join(', ')}`)
  const environment = { ...loadHostConfig().environment, DEBIAN_FRONTEND: 'noninteractive' }
  for (const argv of [
    ['apt-get', '-o', 'Acquire::Retries=3', 'update'],
    ['apt-get', '-o', 'Acquire::Retries=3', 'install', '-y', '--no-install-recommends', ...names],
  ] as const) {
    const ended = await run([...argv], { environment })
    if (ended.exitCode !== 0)
      throw new EnvironmentError(
        `apt-get could not install ${names.join(', ')}: ${lastLines(ended.stderr, 1)}; install them by hand, then run the same command again`,
      )
  }
}

/** False where it can't be done here (not root, not Debian or Ubuntu). */
export async function installDocker(say: (line: string) => void): Promise<boolean> {
  if (!canInstallPackages()) return false
  await installPackages(['docker.io', 'docker-compose', 'mmdebstrap', 'iptables', 'ca-certificates'], say)
  return true
}

/** Starts the daemon by the service manager, else directly. False where it can't be done here. */
export async function startDaemon(answers: () => Promise<boolean>, say: (line: string) => void): Promise<boolean> {
  const dockerd = findProgram('dockerd')
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || dockerd === null) return false
  if (existsSync('/run/systemd/system') && findProgram('systemctl') !== null) {
    say('starting Docker (systemctl start docker)')
    await run(['systemctl', 'start', 'docker'], { timeoutMs: 90_000 })
    if (await until(answers, 15_000)) return true
  } else if (existsSync('/etc/init.d/docker')) {
    say('starting Docker (service docker start)')
    await run(['/etc/init.d/docker', 'start'], { timeoutMs: 30_000 })
    if (await until(answers, 10_000)) return true
  }
  removeStalePidFile()
  const logFile = startDirectly(dockerd)
  say(`starting Docker directly (dockerd; its log is ${logFile})`)
  if (await until(answers, answerTimeoutMs)) return true
  const words = lastLines(readFileSync(logFile, 'utf8'), 1)
  throw new EnvironmentError(
    `dockerd does not answer after ${answerTimeoutMs / 1000} s, its last line (${logFile}): ${words}`,
  )
}

/** A daemon of its own session: it outlives this command and its terminal. */
function startDirectly(dockerd: string): string {
  mkdirSync(stateFolder, { recursive: true })
  const logFile = existsSync('/var/log') ? '/var/log/dockerd.log' : join(stateFolder, 'dockerd.log')
  const log = openSync(logFile, 'a')
  spawn(dockerd, [], { detached: true, stdio: ['ignore', log, log], cwd: '/' }).unref()
  return logFile
}

/** dockerd refuses to start beside the pid file of a daemon that was killed, if another process has that id by now. */
function removeStalePidFile(): void {
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8').trim())
  try {
    if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'dockerd') return
  } catch {
    // no such process
  }
  rmSync(pidFile, { force: true })
}

async function until(holds: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    if (await holds()) return true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return false
}
