// What is drawn: the same from the same seed, always valid, always healed, never too long, and every kind there is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, constantFrom, integer, nat, property, record, type Arbitrary } from 'fast-check'
import { lostRegion } from '../fault-times.ts'
import { fuzzedKinds } from './faults.ts'
import { regions } from '#protocol/sites.ts'
import { commitModes } from '#protocol/topology.ts'
import { drawRun, latestMs, type DrawOptions, type Drawn } from './draw.ts'
import { containersHeld, isSurvivable } from './survivable.ts'

const anyOptions: Arbitrary<DrawOptions> = record({
  seed: nat(2 ** 31 - 1),
  run: integer({ min: 1, max: 1000 }),
  commit: constantFrom(...commitModes),
  home: constantFrom(...regions),
})

function everyDraw(holds: (drawn: Drawn, options: DrawOptions) => void): void {
  // Drawing reads the runbook back by the harness's own validation, which throws for one that is not valid.
  check(
    property(anyOptions, (options) => holds(drawRun(options), options)),
    { numRuns: 300 },
  )
}

void test('the same seed and run draw the same runbook; another run or seed, another', () => {
  everyDraw((drawn, options) => assert.equal(drawRun(options).text, drawn.text))
  const texts = Array.from({ length: 50 }, (_, run) => drawRun({ seed: 1, run, commit: 'quorum', home: 'a' }).text)
  const methods = new Set(texts.map((text) => text.replace(/^title.*$/m, '')))
  assert.equal(methods.size, 50)
  const other = drawRun({ seed: 2, run: 0, commit: 'quorum', home: 'a' }).text.replace(/^title.*$/m, '')
  assert.ok(!methods.has(other))
})

void test('each run injects one to four faults, and heals each before it waits for the world to be whole', () => {
  everyDraw(({ runbook }) => {
    const steps = runbook.method
    const injected = steps.flatMap((step) => step.fault?.id ?? [])
    assert.ok(injected.length >= 1 && injected.length <= 4)
    assert.deepEqual(new Set(steps.flatMap((step) => step.heal ?? [])), new Set(injected))
    const lastHeal = steps.findLastIndex((step) => step.heal !== undefined)
    const rest = steps.slice(lastHeal + 1).map((step) => step['wait-for']?.event)
    assert.deepEqual(rest.slice(-2), ['steady', 'resynced'])
  })
})

void test('what a run plans to hold is short, and its orders end nothing', () => {
  everyDraw(({ runbook }) => {
    const holdsMs = runbook.method.reduce((sum, step) => sum + (step.hold ?? 0), 0)
    assert.ok(holdsMs <= 1000 + 8000 + 2 * latestMs, `${holdsMs} ms`)
    assert.ok(runbook.method.every((step) => step.action?.wait !== true))
  })
})

void test('at most two regions lose power in a run, since each takes long to come back', () => {
  everyDraw(({ faults }) => assert.ok(faults.filter((each) => each.words.kind === 'power-loss').length <= 2))
})

void test('a cut of apps alone takes the clients with it: between regions apps say nothing, so it could not be proven', () => {
  everyDraw(({ faults }) => {
    for (const { words } of faults)
      assert.ok(words.kind !== 'partition' || words.class !== 'app' || words.clients === 'cut')
  })
})

void test('a hold is shorter by what the step before it takes, so that a fault is healed about when it was meant to be', () => {
  const alone = Array.from({ length: 300 }, (_, run) => drawRun({ seed: 1, run, commit: 'async', home: 'a' })).filter(
    ({ faults, orders }) => faults.length === 1 && faults[0]?.words.kind === 'power-loss' && orders.length === 0,
  )
  assert.ok(alone.length > 0)
  for (const { faults, runbook } of alone) {
    const [before, fault, lasts, heal] = runbook.method
    assert.deepEqual([before?.hold, fault?.fault?.kind, heal?.heal], [1000, 'power-loss', 'f1'])
    assert.equal(lasts?.hold, (faults[0]?.toMs ?? 0) - 1500)
  }
})

void test('no link of a region that is dark is made poor, as the steps are ordered: it could not be shown', () => {
  everyDraw(({ runbook }) => {
    const dark = new Map<string, string>()
    for (const { fault, heal } of runbook.method) {
      if (heal !== undefined) dark.delete(heal)
      if (fault?.kind === 'link-degrade')
        for (const region of dark.values()) assert.ok(!fault.target.split(' ').includes(region), fault.target)
      const lost = fault === undefined ? null : lostRegion(fault)
      if (fault !== undefined && lost !== null) dark.set(fault.id, lost)
    }
  })
})

void test('no two faults hold one container at the same time, as the steps are ordered', () => {
  everyDraw(({ faults, runbook }) => {
    const held = new Map<string, ReadonlySet<string>>()
    for (const step of runbook.method) {
      if (step.heal !== undefined) held.delete(step.heal)
      const fault = faults.find((each) => each.id === step.fault?.id)
      if (fault === undefined) continue
      const containers = containersHeld(fault.words)
      for (const others of held.values()) assert.ok(containers.isDisjointFrom(others))
      held.set(fault.id, containers)
    }
  })
})

void test('service is demanded under faults only where two regions are whole, and never with commit: async', () => {
  everyDraw(({ faults, demandsService }, { commit }) => {
    if (demandsService) assert.ok(commit === 'quorum' && isSurvivable(faults.map((each) => each.words)))
  })
})

void test('six runs lead with every kind there is, whatever the seed', () => {
  check(
    property(nat(), (seed) => {
      const leads = fuzzedKinds.map(
        (_, run) => drawRun({ seed, run, commit: 'quorum', home: 'a' }).faults[0]?.words.kind,
      )
      assert.deepEqual(new Set(leads), new Set(fuzzedKinds))
    }),
    { numRuns: 50 },
  )
})

void test('of a hundred runs some can be survived and some can not, and some orders come amid faults', () => {
  const draws = Array.from({ length: 100 }, (_, run) => drawRun({ seed: 7, run, commit: 'quorum', home: 'a' }))
  const survivable = draws.filter((each) => isSurvivable(each.faults.map((fault) => fault.words))).length
  assert.ok(survivable > 20 && survivable < 80, String(survivable))
  assert.ok(draws.filter((each) => each.demandsService).length > 10)
  const amid = draws.filter((each) =>
    each.orders.some(({ atMs }) => each.faults.some((fault) => atMs > fault.fromMs && atMs < fault.toMs)),
  )
  assert.ok(amid.length > 10, String(amid.length))
})
