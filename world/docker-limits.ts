// What Docker grants a container of processors and memory, changed while it runs; and what the kernel has counted.
import type Dockerode from 'dockerode'
import type { ContainerStatistics, Limits } from './running-world.ts'

const periodUs = 100_000
const withoutQuota = -1

/** Docker keeps a limit of processors either as billionths or as a quota of each period, and refuses the one where it has the other. */
function processorsOf(config: Dockerode.HostConfig): number | null {
  if ((config.NanoCpus ?? 0) > 0) return (config.NanoCpus ?? 0) / 1e9
  const quotaUs = config.CpuQuota ?? 0
  return quotaUs > 0 ? quotaUs / (config.CpuPeriod || periodUs) : null
}

async function machineMemoryBytes(docker: Dockerode): Promise<number> {
  return ((await docker.info()) as { readonly MemTotal: number }).MemTotal
}

export async function limitsOfContainer(docker: Dockerode, container: Dockerode.Container): Promise<Limits> {
  const { HostConfig: config } = await container.inspect()
  const memoryBytes = config.Memory ?? 0
  const hasMemoryLimit = memoryBytes > 0 && memoryBytes < (await machineMemoryBytes(docker))
  return { processors: processorsOf(config), memoryBytes: hasMemoryLimit ? memoryBytes : null }
}

export async function limitContainer(
  docker: Dockerode,
  container: Dockerode.Container,
  limits: Partial<Limits>,
): Promise<void> {
  const { HostConfig: config } = await container.inspect()
  const changes: Record<string, number> = {}
  if (limits.processors !== undefined) {
    if ((config.NanoCpus ?? 0) > 0)
      changes['NanoCpus'] = Math.round((limits.processors ?? (await docker.info()).NCPU) * 1e9)
    else {
      changes['CpuPeriod'] = periodUs
      changes['CpuQuota'] = limits.processors === null ? withoutQuota : Math.round(limits.processors * periodUs)
    }
  }
  if (limits.memoryBytes !== undefined) {
    // No limit can't be asked for again: to Docker 0 means no change, and below that it refuses. As much as the machine has is as good.
    const machineBytes = limits.memoryBytes === null ? await machineMemoryBytes(docker) : 0
    changes['Memory'] = limits.memoryBytes ?? machineBytes
    changes['MemorySwap'] = limits.memoryBytes ?? 2 * machineBytes
  }
  await container.update(changes)
}

/** What of Docker's statistics is used; all zero or absent where the container does not run. */
interface Statistics {
  readonly cpu_stats: { readonly throttling_data?: { readonly throttled_periods: number } }
  readonly memory_stats: { readonly usage?: number; readonly limit?: number }
}

export async function statisticsOf(docker: Dockerode, container: Dockerode.Container): Promise<ContainerStatistics> {
  const seen = (await container.stats({ stream: false, 'one-shot': true })) as Statistics
  const limitBytes = seen.memory_stats.limit ?? 0
  const isLimited = limitBytes > 0 && limitBytes < (await machineMemoryBytes(docker))
  return {
    throttledPeriods: seen.cpu_stats.throttling_data?.throttled_periods ?? 0,
    memoryBytes: seen.memory_stats.usage ?? 0,
    memoryLimitBytes: isLimited ? limitBytes : null,
    ranOutOfMemory: (await container.inspect()).State.OOMKilled,
  }
}
