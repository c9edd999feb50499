// Mutations of rule 7 and of what surrounds the promises: answers to retries, permits, clocks, the fence device, the outbox.
import type { Mutation } from './mutation.ts'

const quorum = { regionCount: 3, commit: 'quorum' } as const
const async = { regionCount: 3, commit: 'async' } as const
const statements = 'simulation/models/statements.ts'

export const appMutations: readonly Mutation[] = [
  {
    name: 'retry-sees-row',
    what: 'A retry is answered as soon as the row of its key is seen.',
    breaks: 'PROTOCOL: a retry is answered because the row is visible',
    patches: [
      {
        file: statements,
        before: "  const record = postgres.insert(isNew ? 'write' : 'touch', [key], current.epoch)\n",
        after: `  if (!isNew) return answer({ kind: 'committed', id: key, epoch: current.epoch, isNew, unvouched: false })
  const record = postgres.insert(isNew ? 'write' : 'touch', [key], current.epoch)
`,
      },
    ],
    namedBy: ['no-loss'],
    draw: quorum,
  },
  {
    name: 'retry-after-first-commit',
    what: "A retry is answered as soon as its row is seen and the epoch's first commit has its quorum.",
    breaks: "PROTOCOL: a retry is answered after the epoch's first commit",
    patches: [
      {
        file: statements,
        before: "  const record = postgres.insert(isNew ? 'write' : 'touch', [key], current.epoch)\n",
        after: `  if (!isNew && postgres.seenEpoch.epoch === postgres.vouchingEpoch)
    return answer({ kind: 'committed', id: key, epoch: current.epoch, isNew, unvouched: false })
  const record = postgres.insert(isNew ? 'write' : 'touch', [key], current.epoch)
`,
      },
    ],
    namedBy: ['no-loss'],
    draw: quorum,
  },
  {
    name: 'unvouched-acked',
    what: 'A commit whose wait for the standbys was cancelled is acknowledged.',
    breaks: 'DESIGN: what vouches for an ack is the quorum commit itself',
    patches: [
      {
        file: 'services/app/core/acknowledge.ts',
        before: "if (commit === 'quorum' && attempt.unvouched)",
        after: "if (commit === 'async' && attempt.unvouched)",
      },
    ],
    namedBy: ['no-loss'],
    draw: quorum,
  },
  {
    name: 'permit-from-receipt',
    what: 'A permit is valid from when it comes, not from when it was sent.',
    breaks: 'DESIGN: a permit is valid until a monotonic instant counted from the send',
    patches: [
      {
        file: 'simulation/models/app.ts',
        before: 'acceptPermit(this.#authority, permit)',
        after: 'acceptPermit(this.#authority, { ...permit, sentNs: String(this.#nowNs()) })',
      },
    ],
    namedBy: ['epoch-order'],
    draw: async,
  },
  {
    name: 'wall-clock',
    what: 'Permits and leases are measured by the wall clock, which can be set.',
    breaks: 'DESIGN: a permit is valid until a monotonic instant',
    patches: [
      {
        file: 'simulation/clocks.ts',
        before: 'return nowMs * this.rate(site)',
        after: 'return nowMs * this.rate(site) + (this.#jumps[site] ?? 0)',
      },
    ],
    // Set back, it keeps a permit alive, or shortens a loss window; between two of which one was set forward no permit is ever valid.
    namedBy: ['epoch-order', 'loss-gate', 'comes-back'],
    draw: async,
  },
  {
    name: 'steered-before-promoted',
    what: 'The write region is published before the node is promoted.',
    breaks: 'DESIGN: fence before promote before steer',
    patches: [
      {
        file: 'orchestrator/core/fencing.ts',
        before: '  fenceByPromises,\n  type WeightedPromise,',
        after: '  fenceByPromises,\n  promotionFromCommit,\n  type WeightedPromise,',
      },
      {
        file: 'orchestrator/core/fencing.ts',
        before: "  turn.effects.push({ kind: 'promote', fence, region: chosen.region })\n",
        after: `  turn.effects.push({ kind: 'write-region', promotion: promotionFromCommit(fence, chosen.region, history) })
  turn.effects.push({ kind: 'promote', fence, region: chosen.region })
`,
      },
    ],
    namedBy: ['effect-order'],
    draw: quorum,
  },
  {
    name: 'fence-says-yes',
    what: 'The fence device confirms a cut that it has not made.',
    breaks: 'DESIGN, commit: async: a confirmed fence device',
    patches: [
      {
        file: 'simulation/models/fence-device.ts',
        before: "if (kind === 'fence') this.#cut(region, epoch, network)\n      else this.clear(region, network)",
        after: "if (kind === 'unfence') this.clear(region, network)",
      },
    ],
    namedBy: ['epoch-order'],
    draw: async,
  },
  {
    name: 'outbox-local',
    what: 'A row of the outbox is done as soon as the local Kafka has its event.',
    breaks: "DESIGN: a row is done only when every region's Kafka has it",
    patches: [
      {
        file: 'services/app/core/confirmations.ts',
        before: 'const open = this.#batches.findIndex((batch) => !this.#isEverywhere(batch))',
        after: 'const open = -1',
      },
    ],
    namedBy: ['events'],
    draw: quorum,
  },
  {
    name: 'unvouched-sent',
    what: 'An event is sent as soon as its order can be seen, whether or not the quorum has it.',
    breaks: 'DESIGN, commit: quorum: what the quorum does not have may be lost',
    patches: [
      {
        file: 'simulation/models/relay.ts',
        before: "return this.#ports.commit === 'async' || this.#ports.agent.postgres.vouchedLsn() >= lsn",
        after: 'return lsn >= 0',
      },
    ],
    namedBy: ['no-phantom'],
    draw: quorum,
  },
  {
    name: 'own-not-brought-back',
    what: 'A Kafka that was lost is filled with what was born in each other region, and not with what was born in its own.',
    breaks: "ARCHITECTURE: every region's Kafka can be made again from the others",
    patches: [
      {
        file: 'orchestrator/core/bridge/copy-rules.ts',
        before: 'if (known.isHistory && origin !== undefined)',
        after: 'if (known.isHistory && origin === source)',
      },
    ],
    namedBy: ['events'],
    draw: quorum,
  },
]
