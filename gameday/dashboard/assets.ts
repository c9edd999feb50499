// The page's files as browsers take them: types are stripped from its modules here, so there is no build step.
import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { extname, join } from 'node:path'

export interface Asset {
  readonly type: string
  readonly body: string
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
}

/** By path: `/` and all files of client/ and model/ but tests. Nothing else of the checkout can be asked for. */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>()
  for (const folder of ['client', 'model'])
    for (const file of await readdir(join(import.meta.dirname, folder))) {
      const type = types[extname(file)]
      if (type === undefined || file.endsWith('.test.ts')) continue
      const text = await readFile(join(import.meta.dirname, folder, file), 'utf8')
      const body = extname(file) === '.ts' ? stripTypeScriptTypes(text) : text
      assets.set(file === 'index.html' ? '/' : `/${folder}/${file}`, { type, body })
    }
  return assets
}
