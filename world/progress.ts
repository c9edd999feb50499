// How every step that takes time is shown: listr2 on the error stream, so that standard output belongs to results.
import { type DefaultRenderer, Listr, ListrLogger, type ListrTask, ProcessOutput, type SimpleRenderer } from 'listr2'

export type Note = (text: string) => void

export interface Step {
  readonly title: string
  /** `note` replaces the step's second line, `rename` its title. */
  readonly work: (note: Note, rename: (title: string) => void) => Promise<void>
}

/** Runs the steps, one after the other unless `concurrent`; the first failure ends it. */
export async function showSteps(
  steps: readonly Step[],
  options: { readonly concurrent?: boolean } = {},
): Promise<void> {
  const onTerminal = process.stderr.isTTY
  const tasks: ListrTask<object, typeof DefaultRenderer, typeof SimpleRenderer>[] = steps.map((step) => ({
    title: step.title,
    task: async (_, task) => {
      // Without a terminal each note would be a line of its own.
      const note: Note = (text) => {
        if (onTerminal) task.output = text
      }
      await step.work(note, (title) => {
        task.title = title
      })
    },
  }))
  await new Listr<object>(tasks, {
    concurrent: options.concurrent ?? false,
    registerSignalListeners: false,
    renderer: 'default',
    rendererOptions: {
      logger: errorStreamLogger(),
      collapseErrors: false,
      timer: { condition: (ms: number) => ms > 2000, field: seconds },
    },
    fallbackRenderer: 'simple',
    fallbackRendererCondition: () => !onTerminal,
    fallbackRendererOptions: { logger: errorStreamLogger() },
  }).run()
}

function errorStreamLogger<Levels extends string>(): ListrLogger<Levels> {
  return new ListrLogger<Levels>({ processOutput: new ProcessOutput(process.stderr, process.stderr) })
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`
}
