// How a drill tells people where it is: on the terminal's error stream, so that standard output stays for results.
import { Listr, ListrLogger, ProcessOutput } from 'listr2'

export interface Progress {
  /** Runs `work` as one visible step; a note replaces the step's second line. */
  step<Result>(title: string, work: (note: (text: string) => void) => Promise<Result>): Promise<Result>
}

/** A spinner per step on a terminal, plain lines elsewhere. */
export function createProgress(): Progress {
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) })
  return {
    async step(title, work) {
      let result: { readonly value: Awaited<ReturnType<typeof work>> } | undefined
      const tasks = new Listr(
        [
          {
            title,
            task: async (_context, task) => {
              result = {
                value: await work((text) => {
                  task.output = text
                }),
              }
            },
          },
        ],
        {
          renderer: process.stderr.isTTY ? 'default' : 'simple',
          rendererOptions: { logger },
          fallbackRenderer: 'simple',
          fallbackRendererOptions: { logger },
          registerSignalListeners: false,
        },
      )
      await tasks.run()
      if (result === undefined) throw new Error(`step "${title}" ended without a result`)
      return result.value
    },
  }
}
