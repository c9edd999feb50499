// What a node has on disk of its promise, history and markers: once `save` has returned it outlasts everything but the disk.
import type { Kept } from '#orchestrator/core/agent/decisions.ts'

export class Disk {
  #kept: Kept = { promised: 0, history: [], begun: 0, half: null, ahead: null }

  save(kept: Kept): void {
    this.#kept = kept
  }

  load(): Kept {
    return this.#kept
  }
}
