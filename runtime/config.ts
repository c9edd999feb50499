// The one reader of the environment: validates it, fills defaults, freezes it.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { regions, sites } from '#protocol/sites.ts'
import { commitModes, patterns } from '#protocol/topology.ts'

const environment = z.object({
  FIREDRILL_WORLD: z.string().min(1).default('default'),
  FIREDRILL_SITE: z.enum(sites),
  FIREDRILL_HOME: z.enum(regions).default('a'),
  FIREDRILL_COMMIT: z.enum(commitModes).default('quorum'),
  FIREDRILL_PATTERN: z.enum(patterns).default('active-passive'),
  FIREDRILL_STEERING: z.enum(['glb', 'dns']).default('glb'),
  FIREDRILL_MAX_LOSS_MS: z.coerce.number().positive().default(5000),
  FIREDRILL_ACCEPT_DATA_LOSS: z.stringbool().default(false),
  FIREDRILL_FENCE_PATH: z.enum(['in-band', 'out-of-band']).default('in-band'),
  FIREDRILL_DNS_TTL_S: z.coerce.number().int().min(0).default(30),
  /** The world's address prefixes by site, `198.18.0,198.18.1,…`, in the order of `sites`. */
  FIREDRILL_NETS: z.string().default('198.18.0,198.18.1,198.18.2,198.18.3,198.18.4,198.18.5'),
  FIREDRILL_SECRETS: z.string().default('/run/firedrill/secrets.json'),
  FIREDRILL_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
})

export type Config = Readonly<{
  world: string
  site: z.infer<typeof environment>['FIREDRILL_SITE']
  home: z.infer<typeof environment>['FIREDRILL_HOME']
  commit: z.infer<typeof environment>['FIREDRILL_COMMIT']
  pattern: z.infer<typeof environment>['FIREDRILL_PATTERN']
  steering: 'glb' | 'dns'
  maxLossMs: number
  acceptDataLoss: boolean
  fencePath: 'in-band' | 'out-of-band'
  dnsTtlS: number
  nets: readonly string[]
  secretsFile: string
  logLevel: string
}>

/**
 * @throws Error in one line that names the variable, what was expected and what was seen
 */
export function loadConfig(source: Readonly<Record<string, string | undefined>> = process.env): Config {
  const parsed = environment.safeParse(source)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const name = String(issue?.path[0])
    throw new Error(`environment variable ${name}: ${issue?.message}, saw ${JSON.stringify(source[name])}`)
  }
  const value = parsed.data
  return Object.freeze({
    world: value.FIREDRILL_WORLD,
    site: value.FIREDRILL_SITE,
    home: value.FIREDRILL_HOME,
    commit: value.FIREDRILL_COMMIT,
    pattern: value.FIREDRILL_PATTERN,
    steering: value.FIREDRILL_STEERING,
    maxLossMs: value.FIREDRILL_MAX_LOSS_MS,
    acceptDataLoss: value.FIREDRILL_ACCEPT_DATA_LOSS,
    fencePath: value.FIREDRILL_FENCE_PATH,
    dnsTtlS: value.FIREDRILL_DNS_TTL_S,
    nets: Object.freeze(value.FIREDRILL_NETS.split(',')),
    secretsFile: value.FIREDRILL_SECRETS,
    logLevel: value.FIREDRILL_LOG_LEVEL,
  })
}

const secretsShape = z.object({
  /** Bearer token of every control listener, and key of the beats' MAC. */
  control: z.string().min(16),
  /** Bearer token of the fence device. */
  fence: z.string().min(16),
  /** Password of Postgres role `firedrill` (the app) and `agent` (superuser, replication). */
  postgres: z.string().min(16),
})
export type Secrets = z.infer<typeof secretsShape>

/** The secrets that the WAN made at the world's first start; waits for the file, since containers start in any order. */
export async function loadSecrets(config: Config): Promise<Secrets> {
  for (;;) {
    try {
      return secretsShape.parse(JSON.parse(readFileSync(config.secretsFile, 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
