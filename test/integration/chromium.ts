// A real Chromium for tests of pages: the one of this machine, or Debian's, installed if that can be done.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

function find(): string | null {
  return places.find((path) => existsSync(path)) ?? null
}

/** Null with the reason if there is none and none can be installed. */
export async function openChromium(): Promise<Browser | { readonly missing: string }> {
  if (find() === null) {
    const installed = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], {
      encoding: 'utf8',
    })
    if (find() === null) {
      const why = installed.error?.message ?? installed.stderr.trim().split('\n').at(-1) ?? ''
      return { missing: `no Chromium in ${places.join(', ')}, and it can't be installed: ${why}` }
    }
  }
  return chromium.launch({ executablePath: find() ?? '', args: ['--no-sandbox'] })
}
