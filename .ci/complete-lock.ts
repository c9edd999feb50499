// Adds to a package-lock.json the platform packages that the registry in use did not have when the lock was made; `npm ci` refuses a
// lock without them, on every platform. Usage: node .ci/complete-lock.ts FILE...
import { readFileSync, writeFileSync } from 'node:fs'

interface LockEntry {
  readonly version?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly dev?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

/** Platform packages are named for where they run: `binding-linux-x64-musl`, `darwin-arm64`. */
function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> {
  const match =
    /(android|darwin|freebsd|linux|openbsd|openharmony|win32|wasm32)(?:[-_](arm64|arm|x64|ia32|ppc64|riscv64d?|loong64|s390x|wasi))?/.exec(
      name,
    )
  if (match === null)
    throw new Error(`${name}: expected a name with a platform in it, such as linux-x64; add it to the lock by hand`)
  const [, os = '', cpu = ''] = match
  if (os === 'wasm32') return { cpu: ['wasm32'] }
  const libc = os !== 'linux' ? [] : name.includes('musl') ? ['musl'] : name.includes('gnu') ? ['glibc'] : []
  return { os: [os], cpu: [cpu === 'riscv64d' ? 'riscv64' : cpu], ...(libc.length === 0 ? {} : { libc }) }
}

for (const file of process.argv.slice(2)) {
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockEntry> }
  const added: string[] = []
  for (const entry of Object.values({ ...lock.packages }))
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`
      if (lock.packages[key] !== undefined) continue
      const dev = entry.dev === true ? { dev: true } : {}
      lock.packages[key] = { version, ...dev, optional: true, ...platformOf(name) } as LockEntry
      added.push(`${name}@${version}`)
    }
  const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`)
  process.stdout.write(`${file}: added ${added.length === 0 ? 'nothing' : added.join(', ')}\n`)
}
