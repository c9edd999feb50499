// The topology's options of `up`, as a runbook's `topology` block states them.
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { regions } from '#protocol/sites.ts'
import { commitModes, topology as topologyShape, type Topology } from '#protocol/topology.ts'
import { EnvironmentError } from '#world/environment-error.ts'

export interface TopologyOptions {
  readonly commit?: string
  readonly home?: string
  readonly steering?: string
  readonly set: readonly string[]
}

export function addTopologyOptions(command: Command): Command {
  return command
    .addOption(new Option('--commit <mode>', 'what vouches for an acknowledged write').choices([...commitModes]))
    .addOption(new Option('--home <region>', 'the region that is primary when all is well').choices([...regions]))
    .addOption(new Option('--steering <way>', 'how clients find the write region').choices(['glb', 'dns']))
    .option('--set <key=value>', 'any value of the topology, such as max-loss=2s (repeatable)', collect, [])
}

export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}

/** @throws EnvironmentError that names the value */
export function topologyFrom(options: TopologyOptions): Topology {
  const values: Record<string, unknown> = {}
  for (const each of options.set) {
    const match = /^(?:topology\.)?([a-z-]+)=(.*)$/.exec(each)
    if (match?.[1] === undefined) throw new EnvironmentError(`--set: expected key=value, saw ${JSON.stringify(each)}`)
    const text = match[2] ?? ''
    values[match[1]] = text === 'true' || text === 'false' ? text === 'true' : text
  }
  for (const key of ['commit', 'home', 'steering'] as const) if (options[key] !== undefined) values[key] = options[key]
  const parsed = topologyShape.safeParse(values)
  if (parsed.success) return parsed.data
  throw new EnvironmentError(`topology: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`)
}
