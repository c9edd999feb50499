// What an idle world costs: anonymous memory of all its cgroups after 60 s of rest, and CPU over the next 30 s.
import type { ContainerFacts, RunningWorld } from '#world/running-world.ts'
import { nameOf } from '#chaos/targets.ts'
import { pause } from '../wait.ts'
import { renderTable } from './distribution.ts'
import type { BenchOptions, BenchResult } from './run-bench.ts'

const restMs = 60_000
const cpuSpanMs = 30_000

// Each container sees its own cgroup at the same place; version 2 first, then version 1.
const script = `cat /sys/fs/cgroup/memory.stat 2>/dev/null || cat /sys/fs/cgroup/memory/memory.stat
cat /sys/fs/cgroup/cpu.stat 2>/dev/null | grep usage_usec || echo usage_nsec $(cat /sys/fs/cgroup/cpuacct/cpuacct.usage)`

export interface Usage {
  readonly anonymousBytes: number
  readonly cpuMs: number
}

/** @throws Error if the text has no memory or no CPU figure of either cgroup version */
export function parseUsage(text: string): Usage {
  const value = (name: string): number | null => {
    const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)
    return match === null ? null : Number(match[1])
  }
  const anonymousBytes = value('anon') ?? value('total_rss')
  const microseconds = value('usage_usec')
  const nanoseconds = value('usage_nsec')
  const cpuMs = microseconds !== null ? microseconds / 1e3 : nanoseconds !== null ? nanoseconds / 1e6 : null
  if (anonymousBytes === null || cpuMs === null)
    throw new Error(`expected the figures of a cgroup of version 1 or 2, saw ${JSON.stringify(text.slice(0, 100))}`)
  return { anonymousBytes, cpuMs }
}

async function usageOf(world: RunningWorld, container: ContainerFacts): Promise<Usage> {
  return parseUsage((await world.exec(container, ['sh', '-c', script])).stdout)
}

export async function benchFootprint(options: BenchOptions): Promise<BenchResult> {
  const { world, progress, signal } = options
  const containers = (await world.containers()).filter((each) => each.state === 'running')
  const sample = async (): Promise<ReadonlyMap<string, Usage>> => {
    const usages = new Map<string, Usage>()
    for (const each of containers) usages.set(nameOf(each), await usageOf(world, each))
    return usages
  }
  await progress.step('Rest for 60 s', () => pause(restMs, signal))
  const before = await progress.step('Memory of every container', sample)
  const began = performance.now()
  await progress.step('CPU over 30 s', () => pause(cpuSpanMs, signal))
  const after = await sample()
  const spanMs = performance.now() - began
  const rows = [...before].map(([name, usage]) => ({
    name,
    memoryMb: usage.anonymousBytes / 1e6,
    cores: ((after.get(name)?.cpuMs ?? usage.cpuMs) - usage.cpuMs) / spanMs,
  }))
  const memoryMb = rows.reduce((sum, row) => sum + row.memoryMb, 0)
  const cores = rows.reduce((sum, row) => sum + row.cores, 0)
  const shown = (row: { name: string; memoryMb: number; cores: number }): string[] => [
    row.name,
    row.memoryMb.toFixed(0),
    row.cores.toFixed(3),
  ]
  const screen = renderTable([
    ['container', 'anonymous MB', 'cores'],
    ...rows.toSorted((left, right) => right.memoryMb - left.memoryMb).map(shown),
    shown({ name: `all ${rows.length}`, memoryMb, cores }),
  ])
  return { screen, json: { memoryMb, cores, containers: rows }, verdict: 'pass' }
}
