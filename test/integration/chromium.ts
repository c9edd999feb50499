// The real Chromium that pages are looked at with.
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import { run } from '#world/child-process.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Brought by apt where that is possible. @returns null, with the reason, where there is none and none can be had */
export async function findChromium(): Promise<{ readonly path: string | null; readonly reason: string }> {
  const found = (): string | undefined => places.find((each) => existsSync(each))
  if (found() === undefined) {
    await run(['apt-get', 'update'], {})
    await run(['apt-get', 'install', '-y', '--no-install-recommends', 'chromium'], {})
  }
  const path = found() ?? null
  return { path, reason: path === null ? `no Chromium at ${places.join(', ')}, and apt-get could not bring one` : '' }
}

export async function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}
