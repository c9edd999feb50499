// How busy the machine is on which the harness runs, and how late the harness's own loop is: figures of a busy machine are worth less.
import { cpus, type CpuInfo } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Sample } from '#protocol/sample.ts'

const resolutionMs = 10

function timesOf(processors: readonly CpuInfo[]): { readonly all: number; readonly idle: number } {
  return processors.reduce(
    (sum, { times }) => ({
      all: sum.all + times.user + times.nice + times.sys + times.idle + times.irq,
      idle: sum.idle + times.idle,
    }),
    { all: 0, idle: 0 },
  )
}

export class MachineLoad {
  readonly #delays = monitorEventLoopDelay({ resolution: resolutionMs })
  #before = timesOf(cpus())

  start(): void {
    this.#before = timesOf(cpus())
    this.#delays.enable()
  }

  stop(): void {
    this.#delays.disable()
  }

  /** Since the last call. */
  read(): Sample['machine'] {
    const now = timesOf(cpus())
    const all = now.all - this.#before.all
    const busyShare = all <= 0 ? null : 1 - (now.idle - this.#before.idle) / all
    const lateMs = Math.max(0, this.#delays.max / 1e6 - resolutionMs)
    this.#before = now
    this.#delays.reset()
    return { busyShare: busyShare === null ? null : round(busyShare), lateMs: round(lateMs) }
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
