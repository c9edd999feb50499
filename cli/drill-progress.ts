// Shows a drill's steps on the error stream.
import type { Progress } from '#gameday/progress.ts'
import { showSteps } from '#world/progress.ts'

export const drillProgress: Progress = {
  async step(title, work) {
    let outcome: { readonly value: Awaited<ReturnType<typeof work>> } | undefined
    await showSteps([
      {
        title,
        work: async (note) => {
          outcome = { value: await work(note) }
        },
      },
    ])
    if (outcome === undefined) throw new Error(`step ${title} ended without a result`)
    return outcome.value
  },
}
