// A real Chromium for tests of pages: the one of this machine, or Debian's, installed where that can be done.
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import { lastLines, run } from '#world/child-process.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

function find(): string | null {
  return places.find((path) => existsSync(path)) ?? null
}

/** `missing` says why there is none and none can be installed. */
export async function openChromium(): Promise<Browser | { readonly missing: string }> {
  if (find() === null) {
    await run(['apt-get', 'update'], {})
    const installed = await run(['apt-get', 'install', '-y', '--no-install-recommends', 'chromium'], {})
    if (find() === null)
      return {
        missing: `no Chromium in ${places.join(', ')}, and it can't be installed: ${lastLines(installed.stderr, 1)}`,
      }
  }
  return chromium.launch({ executablePath: find() ?? '', args: ['--no-sandbox'] })
}
