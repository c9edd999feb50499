// What chaos/, gameday/ and cli/ see of a world that is up: its containers, and the way in. `world/` alone talks to Docker.
import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import type { AreaHost, RegionHost, Site } from '#protocol/sites.ts'
import type { Topology } from '#protocol/topology.ts'
import type { Secrets } from '#runtime/config.ts'
import type { UnsupportedFault } from './fault-support.ts'

export type ServiceName = RegionHost | AreaHost | 'wan'

/** One container of a world. `site` is null for the WAN. */
export interface Target {
  readonly site: Site | null
  readonly service: ServiceName
}

export interface ContainerFacts extends Target {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
  readonly failoverRole: string | null
  /** Names of the networks that it is attached to. */
  readonly networks: readonly string[]
}

/** The Docker that a world runs on, for reports. */
export interface EngineFacts {
  readonly version: string
  /** Null: no compose was found. */
  readonly compose: string | null
  /** What containers have, which on a desktop is less than the machine has. */
  readonly processors: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly system: string
}

/** The WAN's out-of-band listener: the harness's only path into sites. */
export interface WayIn {
  /** One JSON call to the WAN itself, e.g. POST /links. Throws CallRefused for 4xx and 5xx. */
  wan<Shape extends z.ZodType>(call: WayInCall<Shape>): Promise<z.infer<Shape>>
  /** One JSON call to the control listener of `host` (`controller.b`, `client.na`), through CONNECT. */
  control<Shape extends z.ZodType>(host: string, call: WayInCall<Shape>): Promise<z.infer<Shape>>
  /** A raw stream to `host:port`, through CONNECT. Rejects within `timeoutMs` (default 3000). */
  connect(host: string, port: number, timeoutMs?: number): Promise<Duplex>
  /** A listener on 127.0.0.1 whose connections are carried to `host:port`. */
  forward(host: string, port: number): Promise<{ readonly port: number; close(): Promise<void> }>
}

export interface WayInCall<Shape extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly reply: Shape
  readonly timeoutMs: number
}

/** What the kernel grants a container. Null: no limit but the machine's own. */
export interface Limits {
  readonly processors: number | null
  readonly memoryBytes: number | null
}

/** The kernel's own accounting of a running container. */
export interface ContainerStatistics {
  /** Periods in which it was made to wait because its share of the processors was used up. */
  readonly throttledPeriods: number
  readonly memoryBytes: number
  /** Null: none below the machine's memory. */
  readonly memoryLimitBytes: number | null
  /** The kernel has killed a process of it for want of memory since it was started. */
  readonly ranOutOfMemory: boolean
}

/** Something that Docker did with a container. */
export interface DockerEvent extends Target {
  readonly action: string
  /** Of a `kill`: the signal's number, as Docker says it. */
  readonly signal?: string
  /** Docker's wall clock, ms. */
  readonly wallMs: number
}

export interface EventStream {
  /** Resolves when it has ended, whoever ended it. */
  readonly closed: Promise<void>
  close(): void
}

export interface RunningWorld extends AsyncDisposable {
  readonly name: string
  readonly topology: Topology
  readonly secrets: Secrets
  readonly wayIn: WayIn
  containers(): Promise<readonly ContainerFacts[]>
  engine(): Promise<EngineFacts>
  /** The faults that this Docker can't do. */
  unsupportedFaults(): Promise<readonly UnsupportedFault[]>
  /** All of these act on many containers side by side and resolve when Docker has answered for each. */
  kill(targets: readonly Target[]): Promise<void>
  stop(targets: readonly Target[]): Promise<void>
  /** A site's containers one after another, each when the one before it listens. */
  start(targets: readonly Target[]): Promise<void>
  pause(targets: readonly Target[]): Promise<void>
  unpause(targets: readonly Target[]): Promise<void>
  exec(
    target: Target,
    argv: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>
  /** Writes a small file into a container, in whatever state it is; its folder must be there. */
  writeFile(target: Target, path: string, text: string): Promise<void>
  limitsOf(target: Target): Promise<Limits>
  /** Takes effect at once, and in a container that does not run at its next start. What is left out stays as it is. */
  limit(target: Target, limits: Partial<Limits>): Promise<void>
  statistics(target: Target): Promise<ContainerStatistics>
  /**
   * Docker's own word of each start, signal, death, pause, thaw and change of limits, as it comes.
   * @param sinceMs Docker's wall clock: what it did since then is told first; null: from now on
   */
  events(sinceMs: number | null, onEvent: (event: DockerEvent) => void): Promise<EventStream>
  /** The container's whole output so far. */
  logs(target: Target): Promise<string>
}
