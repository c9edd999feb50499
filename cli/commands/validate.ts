// `validate`: everything that is wrong with a runbook, before anything starts.
import type { Command } from 'commander'
import { loadRunbook } from '#gameday/validate.ts'
import { print } from '../shared.ts'
import { collect } from '../topology-options.ts'

export function registerValidate(program: Command): void {
  program
    .command('validate')
    .description('check a runbook; each problem is named with file, line and column')
    .argument('<runbook>', 'a shipped name such as region-loss, or a path')
    .option('--set <path=value>', 'change a value, such as topology.commit=async (repeatable)', collect, [])
    .action(async (name: string, options: { readonly set: readonly string[] }) => {
      const { file } = await loadRunbook(name, { set: options.set, canApprove: true })
      print(`${file} is valid`)
    })
}
