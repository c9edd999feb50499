// The one reader of the environment: validates it, fills defaults, freezes it.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { regions, sites } from '#protocol/sites.ts'
import { worldName } from '#protocol/names.ts'
import { commitModes, fencePaths, patterns, steerings } from '#protocol/topology.ts'
import { diskBytes, dnsTtlS, maxLossMs } from '#protocol/values.ts'

const digits = z.string().regex(/^\d+$/, 'expected a whole number').transform(Number)

const environment = z.object({
  FIREDRILL_WORLD: worldName.default('default'),
  FIREDRILL_SITE: z.enum(sites),
  FIREDRILL_HOME: z.enum(regions).default('a'),
  FIREDRILL_COMMIT: z.enum(commitModes).default('quorum'),
  FIREDRILL_PATTERN: z.enum(patterns).default('active-passive'),
  FIREDRILL_STEERING: z.enum(steerings).default('glb'),
  FIREDRILL_MAX_LOSS_MS: digits.pipe(maxLossMs).default(5000),
  FIREDRILL_ACCEPT_DATA_LOSS: z.stringbool().default(false),
  FIREDRILL_FENCE_PATH: z.enum(fencePaths).default('in-band'),
  FIREDRILL_DNS_TTL_S: digits.pipe(dnsTtlS).default(30),
  /** Size of each Postgres's disk; 0: no limit of its own. */
  FIREDRILL_DISK_BYTES: digits.pipe(z.literal(0).or(diskBytes)).default(0),
  /** How long a failover waits for a standby's Postgres to see a new timeline's history; without it Postgres finds out by itself. */
  FIREDRILL_TIMELINE_LOOK_MS: digits.default(150),
  /** The world's address prefixes by site, `198.18.0,198.18.1,…`, in the order of `sites`. */
  FIREDRILL_NETS: z.string().default('198.18.0,198.18.1,198.18.2,198.18.3,198.18.4,198.18.5'),
  FIREDRILL_SECRETS: z.string().default('/run/firedrill/secrets.json'),
  FIREDRILL_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
})

/** What makes a program's wall clock one that can be set (libfaketime); docker-compose.yml says how. */
const clockVariables = [
  'LD_PRELOAD',
  'FAKETIME_TIMESTAMP_FILE',
  'FAKETIME_CACHE_DURATION',
  'FAKETIME_DONT_FAKE_MONOTONIC',
  'FAKETIME_DISABLE_SHM',
  'NO_FAKE_STAT',
] as const

export type Config = Readonly<{
  world: string
  site: z.infer<typeof environment>['FIREDRILL_SITE']
  home: z.infer<typeof environment>['FIREDRILL_HOME']
  commit: z.infer<typeof environment>['FIREDRILL_COMMIT']
  pattern: z.infer<typeof environment>['FIREDRILL_PATTERN']
  steering: (typeof steerings)[number]
  maxLossMs: number
  acceptDataLoss: boolean
  fencePath: (typeof fencePaths)[number]
  dnsTtlS: number
  diskBytes: number | null
  timelineLookMs: number
  nets: readonly string[]
  secretsFile: string
  /** Variables of the settable wall clock, for child processes that get an environment of their own. */
  clock: Readonly<Record<string, string>>
  logLevel: string
}>

/** What the WAN reads: it belongs to no site. */
export type WorldConfig = Omit<Config, 'site'>

/** @throws Error in one line that names the variable, what was expected and what was seen */
function parse<Shape extends z.ZodType>(
  shape: Shape,
  source: Readonly<Record<string, string | undefined>>,
): z.infer<Shape> {
  const parsed = shape.safeParse(source)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const name = String(issue?.path[0])
  throw new Error(`environment variable ${name}: ${issue?.message}, saw ${JSON.stringify(source[name])}`)
}

/**
 * @throws Error in one line that names the variable, what was expected and what was seen
 */
export function loadWorldConfig(source: Readonly<Record<string, string | undefined>> = process.env): WorldConfig {
  const { site: _, ...config } = loadConfig({ ...source, FIREDRILL_SITE: sites[0] })
  return Object.freeze(config)
}

/**
 * @throws Error in one line that names the variable, what was expected and what was seen
 */
export function loadConfig(source: Readonly<Record<string, string | undefined>> = process.env): Config {
  const value = parse(environment, source)
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
    diskBytes: value.FIREDRILL_DISK_BYTES === 0 ? null : value.FIREDRILL_DISK_BYTES,
    timelineLookMs: value.FIREDRILL_TIMELINE_LOOK_MS,
    nets: Object.freeze(value.FIREDRILL_NETS.split(',')),
    secretsFile: value.FIREDRILL_SECRETS,
    clock: Object.freeze(
      Object.fromEntries(clockVariables.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]]))),
    ),
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
export async function loadSecrets(config: WorldConfig): Promise<Secrets> {
  for (;;) {
    try {
      return secretsShape.parse(JSON.parse(readFileSync(config.secretsFile, 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const hostEnvironment = z.object({
  DOCKER_HOST: z.string().min(1).optional(),
  DOCKER_CONTEXT: z.string().min(1).optional(),
  DOCKER_CONFIG: z.string().min(1).optional(),
  /** Image that everything is built on, instead of the one that is pulled or made. */
  FIREDRILL_BASE: z.string().min(1).optional(),
  /** Where worlds take their /21 from. */
  FIREDRILL_NETWORK_BASE: z
    .string()
    .regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, 'expected a network such as 198.18.0.0/15')
    .default('198.18.0.0/15'),
  /** Port of the way in on 127.0.0.1; without it Docker chooses one. */
  FIREDRILL_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  /** Root of the Maven repository that Kafka's jars come from. */
  FIREDRILL_MAVEN: z.url().optional(),
  /** Where traces of drills go, OTLP over HTTP; without it none are sent. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
})

/** What the tool on the host reads of its environment; `environment` is all of it, for child processes. */
export type HostConfig = Readonly<{
  dockerHost: string | null
  dockerContext: string | null
  dockerConfigFolder: string | null
  base: string | null
  networkBase: string
  port: number | null
  maven: string | null
  otlpEndpoint: string | null
  environment: Readonly<Record<string, string | undefined>>
}>

/**
 * @throws Error in one line that names the variable, what was expected and what was seen
 */
export function loadHostConfig(source: Readonly<Record<string, string | undefined>> = process.env): HostConfig {
  const present = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''))
  const value = parse(hostEnvironment, present)
  return Object.freeze({
    dockerHost: value.DOCKER_HOST ?? null,
    dockerContext: value.DOCKER_CONTEXT ?? null,
    dockerConfigFolder: value.DOCKER_CONFIG ?? null,
    base: value.FIREDRILL_BASE ?? null,
    networkBase: value.FIREDRILL_NETWORK_BASE,
    port: value.FIREDRILL_PORT ?? null,
    maven: value.FIREDRILL_MAVEN ?? null,
    otlpEndpoint: value.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    environment: Object.freeze({ ...source }),
  })
}
