// `validate`: everything that is wrong with runbooks, before anything starts.
import type { Command } from 'commander'
import { runbookSchema } from '#gameday/schema.ts'
import { loadRunbooks, RunbookInvalid } from '#gameday/validate.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { print } from '../shared.ts'
import { collect } from '../topology-options.ts'

export function registerValidate(program: Command): void {
  program
    .command('validate')
    .description('check runbooks; each problem is named with file, line and column')
    .argument('[runbooks...]', 'shipped names such as region-loss, or paths')
    .option('--schema', 'print the JSON Schema of runbooks, for editors')
    .option(
      '--set <name=value>',
      'a parameter of the runbook, or any value by its path, such as topology.commit=async (repeatable)',
      collect,
      [],
    )
    .action(validate)
}

interface ValidateOptions {
  readonly set: readonly string[]
  readonly schema?: true
}

async function validate(names: readonly string[], options: ValidateOptions): Promise<void> {
  if (options.schema === true) return print(runbookSchema())
  if (names.length === 0) throw new EnvironmentError('expected a runbook, or --schema, saw neither')
  const { valid, problems } = await loadRunbooks(names, { set: options.set, canApprove: true })
  if (valid.length > 0) print(valid.map(({ file }) => `${file} is valid`).join('\n'))
  if (problems.length > 0) throw new RunbookInvalid(problems)
}
