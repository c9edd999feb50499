// Shows a drill's steps on the error stream.
import type { Progress } from '#gameday/progress.ts'
import { showSteps } from '#world/progress.ts'
import { messageOf } from '#runtime/message-of.ts'

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

  /** On a terminal each branch has a line of its own, which tells its step; elsewhere lines follow each other as they come. */
  async branches(branches) {
    if (!process.stderr.isTTY) {
      await Promise.all(branches.map((branch) => branch({ step: (title, work) => drillProgress.step(title, work) })))
      return
    }
    await showSteps(
      branches.map((branch, index) => ({
        title: `branch ${index + 1}`,
        work: async (note, rename) => {
          await branch({
            step: async (title, work) => {
              rename(`branch ${index + 1}: ${title}`)
              try {
                return await work(note)
              } catch (error) {
                note(`failed: ${messageOf(error)}`)
                throw error
              }
            },
          })
        },
      })),
      { concurrent: true },
    )
  },
}
