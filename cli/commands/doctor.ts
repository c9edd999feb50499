// `doctor`: what is there, and the command that mends what is not. Changes nothing.
import type { Command } from 'commander'
import { environmentExitCode } from '#world/environment-error.ts'
import { examine } from '#world/examination.ts'
import { hostConfig, print } from '../shared.ts'

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at this machine: what is there, what is missing and the command that mends it')
    .option('--json', 'print it as JSON')
    .action(async (options: { readonly json?: true }) => {
      const findings = await examine(hostConfig())
      if (options.json === true) print(JSON.stringify(findings, null, 2))
      else
        for (const { verdict, what, mend } of findings)
          print(
            `${{ ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' }[verdict]} ${what}${mend === null ? '' : `\n        mend it: ${mend}`}`,
          )
      if (findings.some(({ verdict }) => verdict === 'problem')) process.exitCode = environmentExitCode
    })
}
