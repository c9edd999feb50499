// Properties of the control plane under random faults: cuts, crashes, restarts, freezes and lost answers, from a seed.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import { lsnToBigInt } from '#protocol/epoch.ts'
import type { PromiseReply } from '#protocol/agent.ts'
import { type Region, regions } from '#protocol/sites.ts'
import type { Effect } from './effects.ts'
import { comparePositions } from './agent/history.ts'
import { claimFromSwap, fenceByPromises, weigh } from './evidence.ts'
import { FakeWorld } from './fake-world.ts'
import { settingsOf } from './fixtures.ts'
import { choose } from './fencing.ts'
import { initialState } from './state.ts'

const region = fc.constantFrom(...regions)
const fault = fc.record({
  kind: fc.constantFrom(
    'crash',
    'controller-restart',
    'controller-kill',
    'cut',
    'cut-controller',
    'freeze',
    'lose-answer',
    'switchover',
  ),
  region,
  afterMs: fc.integer({ min: 0, max: 3000 }),
  forMs: fc.integer({ min: 50, max: 6000 }),
})
type Fault = typeof fault extends fc.Arbitrary<infer Value> ? Value : never

function inject(world: FakeWorld, each: Fault): void {
  const { region } = each
  switch (each.kind) {
    case 'crash':
      world.crash(region)
      return world.at(each.forMs, () => {
        if (world.nodes[region].state === 'crashed') world.nodes[region].state = 'standby'
      })
    case 'controller-restart':
      return world.restartController(region)
    case 'controller-kill':
      world.killController(region)
      return world.at(each.forMs, () => world.restartController(region))
    case 'cut':
    case 'cut-controller': {
      const cut = each.kind === 'cut' ? region : `${region}:controller`
      world.cuts.add(cut)
      return world.at(each.forMs, () => world.cuts.delete(cut))
    }
    case 'freeze':
      world.freeze(region)
      return world.at(each.forMs, () => world.thaw(region))
    case 'lose-answer':
      world.loseNextSwapAnswer = true
      return
    case 'switchover':
      return world.order(region, { kind: 'switchover', request: `to-${region}-${world.now}`, to: region })
  }
}

type Done = FakeWorld['effects'][number]

function epochOf(effect: Effect): number | null {
  if ('claim' in effect) return effect.claim.epoch
  if ('fence' in effect) return effect.fence.claim.epoch
  return 'promotion' in effect ? effect.promotion.fence.claim.epoch : null
}

/** Effects of an epoch come from one run of one controller, which won it, and in the order fence, promote, steer. */
function checkOrder(effects: readonly Done[]): void {
  const ranks: Partial<Record<Effect['kind'], number>> = {
    promise: 1,
    promote: 2,
    activate: 3,
    permit: 3,
    'write-region': 3,
  }
  const owner = new Map<number, Region>()
  const reached = new Map<number, number>()
  for (const { effect, region } of effects) {
    const epoch = epochOf(effect)
    if (epoch === null) continue
    assert.equal(owner.get(epoch) ?? region, region, `epoch ${epoch} has one owner`)
    owner.set(epoch, region)
    const rank = ranks[effect.kind]
    if (rank === undefined) continue
    const before = reached.get(epoch) ?? 0
    assert.ok(rank <= before + 1, `${effect.kind} of epoch ${epoch} came out of order`)
    reached.set(epoch, Math.max(before, rank))
  }
}

function checkSafety(world: FakeWorld): void {
  checkOrder(world.effects)
  for (const { effect } of world.effects) {
    if (effect.kind !== 'promote') continue
    const { fence } = effect
    const chosen = fence.promises.find((each) => each.region === effect.region)
    assert.ok(chosen, 'the promoted node promised with weight')
    assert.ok(
      fence.promises.every((each) => comparePositions(each.position, chosen.position) <= 0),
      'the greatest position is chosen',
    )
    const lost = world.acked.filter(
      (each) => each.epoch < fence.claim.epoch && each.lsn > lsnToBigInt(chosen.position.lsn),
    )
    assert.deepEqual(
      lost,
      [],
      `epoch ${fence.claim.epoch} on ${effect.region} lacks acknowledged writes:\n${world.transcript()}`,
    )
  }
  let epoch = 0
  for (const each of world.acked) {
    assert.ok(
      each.epoch >= epoch,
      `an ack of epoch ${each.epoch} came after one of epoch ${epoch}:\n${world.transcript()}`,
    )
    epoch = each.epoch
  }
}

suite('properties of the control plane', () => {
  test('no acked write is lost, epochs of acks only grow, and service comes back once faults are over', () => {
    fc.assert(
      fc.property(
        fc.array(fault, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (faults, seed) => {
          const world = new FakeWorld({}, seed)
          world.until('a first epoch', () => world.record?.state === 'active')
          world.run(1000)
          for (const each of faults) {
            world.run(each.afterMs)
            inject(world, each)
          }
          world.run(7000)
          world.loseNextSwapAnswer = false
          checkSafety(world)
          const before = world.now
          world.until('service after all faults', () => world.acked.some((each) => each.atMs > before), 40_000)
          world.run(8000)
          checkSafety(world)
          assert.equal(world.record?.state, 'active', world.transcript())
        },
      ),
      { numRuns: 60 },
    )
  })

  const reply = fc.record({
    region,
    whole: fc.boolean(),
    known: fc.boolean(),
    epoch: fc.integer({ min: 0, max: 4 }),
    lsn: fc.integer({ min: 1, max: 4000 }),
  })

  test('a fence needs a majority of weighted promises, and the choice is the greatest of them', () => {
    fc.assert(
      fc.property(fc.uniqueArray(reply, { maxLength: 3, selector: (each) => each.region }), (replies) => {
        const promises = replies
          .map((each): PromiseReply => {
            const position = { epoch: each.epoch, lsn: `0/${each.lsn.toString(16).toUpperCase()}` }
            return {
              region: each.region,
              epoch: 5,
              whole: each.whole,
              position: each.known ? position : null,
              history: [],
              begun: 0,
              atNs: '0',
            }
          })
          .map(weigh)
          .filter((each) => each !== null)
        const fence = fenceByPromises(claimFromSwap(5, '1', 'active'), regions, promises)
        const weighted = replies.filter((each) => each.whole && each.known).length
        assert.equal(fence !== null, weighted >= 2)
        if (fence === null) return
        const settings = settingsOf({ region: 'b', maxLossMs: 0 })
        const chosen = choose(initialState(settings, 0), { kind: 'first-start' }, fence)
        assert.ok(chosen !== null && promises.every((each) => comparePositions(each.position, chosen.position) <= 0))
      }),
    )
  })

  test('the checks above can fail: a promotion that lacks an acked write is found', () => {
    const world = new FakeWorld()
    world.until('a first epoch', () => world.record?.state === 'active')
    world.killRegion('a')
    world.until('a second epoch', () => world.record?.epoch === 2 && world.record.state === 'active')
    checkSafety(world)
    world.acked.unshift({ epoch: 1, lsn: 1_000_000n, atMs: 0 })
    assert.throws(() => checkSafety(world), /lacks acknowledged writes/)
  })
})
