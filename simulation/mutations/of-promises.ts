// Mutations of rules 1 to 6: positions, promises, following, rewinding, the epoch's owner. Mostly in the agent's and controller's core.
import type { Mutation } from './mutation.ts'

const draw = { regionCount: 3, commit: 'quorum' } as const
const decisions = 'orchestrator/core/agent/decisions.ts'
const history = 'orchestrator/core/agent/history.ts'
const evidence = 'orchestrator/core/evidence.ts'
const agent = 'simulation/models/agent.ts'

export const promiseMutations: readonly Mutation[] = [
  {
    name: 'position-by-lsn',
    what: 'The node with the greatest LSN is promoted, whatever epoch its last record is of.',
    breaks: 'PROTOCOL: position = LSN only',
    patches: [
      { file: history, before: '  if (left.epoch !== right.epoch) return left.epoch - right.epoch\n', after: '' },
    ],
    namedBy: ['no-loss'],
    draw,
  },
  {
    name: 'position-by-timeline',
    what: 'A position has the epoch that the node follows in, though it may hold no record of it.',
    breaks: "PROTOCOL: position = the walreceiver's timeline",
    patches: [
      {
        file: history,
        before: 'return { epoch: effectiveHistory(history, lsn).at(-1)?.epoch ?? 0, lsn }',
        after: 'return { epoch: history.at(-1)?.epoch ?? 0, lsn }',
      },
    ],
    namedBy: ['no-loss'],
    draw,
  },
  {
    name: 'follow-by-timeline',
    what: 'Histories are compared by the number of their timelines, not by epochs and where those began.',
    breaks: 'PROTOCOL: follow decided by timeline id',
    patches: [
      {
        file: history,
        before: 'return left !== undefined && left.epoch === right?.epoch && left.startLsn === right.startLsn',
        after: 'return left !== undefined && right !== undefined',
      },
    ],
    namedBy: ['no-loss', 'as-fresh'],
    draw,
  },
  {
    name: 'promise-forgotten',
    what: 'A node that restarts knows nothing of what it promised.',
    breaks: 'PROTOCOL: promise not kept over a restart',
    patches: [
      {
        file: 'simulation/models/disk.ts',
        before: 'return this.#kept',
        after: 'return { ...this.#kept, promised: 0 }',
      },
    ],
    namedBy: ['no-loss', 'below-promise', 'one-primary'],
    draw,
  },
  {
    name: 'one-promise',
    what: 'A single promise is enough for a promotion.',
    breaks: 'PROTOCOL: one promise is enough',
    patches: [
      {
        file: evidence,
        before: 'if (nodes.size < majorityOf(regions.length)) return null',
        after: 'if (nodes.size < 1) return null',
      },
    ],
    namedBy: ['no-loss'],
    draw,
  },
  {
    name: 'last-primary-alone',
    what: 'The node that began the highest epoch heard of is promoted, though others have not said what they began.',
    breaks: 'docs/safety.md, step 4: the last primary alone is enough only once every node has promised',
    patches: [{ file: evidence, before: 'begun[region] ?? Number.POSITIVE_INFINITY', after: 'begun[region] ?? 0' }],
    namedBy: ['no-loss'],
    draw,
  },
  {
    name: 'standbys-only',
    what: "The old primary's promise never counts.",
    breaks: "PROTOCOL: only the standbys' promises count (safe, stuck)",
    patches: [
      {
        file: 'orchestrator/core/fencing.ts',
        before: '  const fence = fenceByPromises(move.claim, state.settings.regions, move.promises, move.attached)\n',
        after: '  const fence = without\n',
      },
    ],
    namedBy: ['comes-back'],
    draw,
  },
  {
    name: 'promotion-unchecked',
    what: 'A node lets itself be promoted under an epoch below the one that it has promised.',
    breaks: 'PROTOCOL: promotion not checked on the node',
    patches: [
      {
        file: decisions,
        before:
          '  if (kept.promised !== epoch) return refuse(`expected exactly the promised epoch ${kept.promised}, saw ${epoch}`)\n',
        after: '',
      },
    ],
    namedBy: ['no-loss', 'epoch-order', 'below-promise'],
    draw,
  },
  {
    name: 'late-follow',
    what: 'A node accepts the order to follow of an epoch below the one that it has promised.',
    breaks: 'PROTOCOL: follow accepted before the promise is raised (an order of a lower epoch)',
    patches: [
      {
        file: decisions,
        before:
          '  if (order.epoch < kept.promised) return refuse(`expected epoch ${kept.promised} or above, saw ${order.epoch}`)\n',
        after: '',
      },
    ],
    namedBy: ['no-loss', 'below-promise'],
    draw,
  },
  {
    name: 'follow-without-promise',
    what: 'A node follows in a higher epoch without raising its promise to it.',
    breaks: 'PROTOCOL: follow accepted before the promise is raised',
    patches: [{ file: decisions, before: "  if (order.epoch > kept.promised) return { kind: 'adopt' }\n", after: '' }],
    // The promise that it should have made is missing for as long as it follows.
    namedBy: ['no-loss', 'below-promise', 'as-fresh'],
    draw,
  },
  {
    name: 'epoch-resumed',
    what: 'A controller that restarted goes on in the epoch that its earlier run took.',
    breaks: 'PROTOCOL: a restarted controller resumes its epoch',
    patches: [
      {
        file: 'orchestrator/core/step.ts',
        before: "import { askPromises, evaluate, onFenceReply, onPromiseReply } from './fencing.ts'",
        after: `import { claimFromSwap } from './evidence.ts'
import { askPromises, beginFencing, evaluate, onFenceReply, onPromiseReply } from './fencing.ts'`,
      },
      {
        file: 'orchestrator/core/step.ts',
        before: "  const primary = record?.state === 'active' ? record.primary : null\n",
        after: `  const primary = record?.state === 'active' ? record.primary : null
  if (suspicion.rule === 'orphan' && record?.owner === state.settings.region)
    return beginFencing(turn, {
      goal: {
        kind: 'failover',
        old: lastPrimary(record),
        to: null,
        why: suspicion.why,
        suspectedMs: suspicion.sinceMs,
        acceptDataLoss: false,
        request: null,
      },
      claim: claimFromSwap(record.epoch, state.record.revision),
      attached: [],
      promises: [],
      floor: null,
    })
`,
      },
    ],
    namedBy: ['one-owner', 'one-primary'],
    draw,
  },
  {
    name: 'no-rewind',
    what: 'A node whose WAL has left that of the primary is attached as it is.',
    breaks: 'PROTOCOL: the old primary rejoins without rewind',
    patches: [
      {
        file: decisions,
        before:
          "return relation.kind === 'prefix' ? { kind: 'attach' } : { kind: 'rewind', forkLsn: relation.forkLsn }",
        after: "return { kind: 'attach' }",
      },
    ],
    namedBy: ['no-loss', 'as-fresh'],
    draw,
  },
  {
    name: 'half-made-counts',
    what: 'The promise of a node in the midst of a rewind counts in a majority.',
    breaks: "PROTOCOL: a half-rewound node's promise counts",
    patches: [
      {
        file: evidence,
        before: `  if (!reply.whole || reply.position === null) return null
  return { region: reply.region, position: reply.position, history: reply.history }`,
        after: `  if (reply.whole && reply.position === null) return null
  const position = reply.position ?? { epoch: 0, lsn: '0/0' }
  return { region: reply.region, position, history: reply.history }`,
      },
    ],
    namedBy: ['no-loss'],
    draw,
  },
  {
    name: 'sets-shrink',
    what: 'A primary names only the followers that stream from it now.',
    breaks: 'PROTOCOL: sets that shrink and grow with membership',
    patches: [
      {
        file: agent,
        before:
          "    this.postgres.setStandbyNames(commit === 'quorum' ? quorumStandbys(regions, this.region, epoch) : '')\n",
        after: `    const streaming = this.postgres.followers().map(({ name }) => followerRegion(regions, name, epoch))
    const members = regions.filter((each) => each === this.region || streaming.includes(each))
    this.postgres.setStandbyNames(commit === 'quorum' ? quorumStandbys(members, this.region, epoch) : '')
`,
      },
      {
        file: agent,
        before: '    this.#status = null\n    if (this.#isBeatDue',
        after: `    this.#status = null
    if (this.#duty.kind === 'primary') this.#setNames(this.#duty.epoch)
    if (this.#isBeatDue`,
      },
    ],
    namedBy: ['no-loss', 'epoch-order'],
    draw,
  },
  {
    name: 'tail-not-exported',
    what: 'A rewind throws transactions away without a copy of them.',
    breaks: 'DESIGN, failback: transactions are exported before a rewind throws them away',
    patches: [{ file: decisions, before: '    ...tail,\n', after: '' }],
    namedBy: ['exported'],
    draw,
  },
]
