// Faults of containers against a world in memory: what they find is kept and given back, from the ledger entry alone, and what did not
// take effect is not taken for a fault.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { topology } from '#protocol/topology.ts'
import { createFakeWorld, type FakeWorld } from './fake-world.ts'
import { FaultImpossible, FaultUnproven, NothingToBreak } from './fault.ts'
import { healFault, injectFault, proveFault } from './inject.ts'
import { handlerOf } from './library.ts'

const spec = (words: object): FaultSpec => faultSpec.parse({ id: 'x', ...words })
const answering = { state: 'standby', responsive: true }

/** As the agent of a Postgres says it. */
function agentAnswers(world: FakeWorld, region: string, said: object): void {
  world.answers.set(`postgres.${region}`, [{ ...agent, ...said, region }])
}
const agent = {
  incarnation: 'one',
  state: 'standby',
  promised: 1,
  whole: true,
  position: null,
  history: [],
  following: null,
  streaming: true,
  epochCommitted: false,
  followers: [],
  responsive: true,
  systemIdentifier: '1',
}

void describe('limits', () => {
  const starved = spec({ kind: 'cpu-starvation', target: 'app.a, app.b', share: 0.1 })
  const short = spec({ kind: 'memory-limit', target: 'app.a', limit: '64MiB' })

  void test('a container gets back the very limits that it had, by the ledger entry alone', async () => {
    const world = createFakeWorld()
    world.limits.set('app.b', { processors: 0.5, memoryBytes: null })
    const { entry } = await injectFault(world, 'drill', starved)
    assert.equal(world.limits.get('app.a')?.processors, 0.1)
    assert.match(await proveFault(world, entry), /throttled by the kernel/)
    const handler = handlerOf('cpu-starvation')
    await handler.heal(world, JSON.parse(JSON.stringify(entry)))
    assert.deepEqual(
      ['app.a', 'app.b'].map((name) => world.limits.get(name)?.processors),
      [null, 0.5],
    )
  })

  void test('a quota that the kernel does not enforce is no starvation', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', starved)
    world.limits.set('app.b', { processors: null, memoryBytes: null })
    await assert.rejects(proveFault(world, entry), (error) => {
      return error instanceof FaultUnproven && error.message.includes('app.b')
    })
  })

  void test('heal lifts a limit of memory and starts who died of it', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', short)
    assert.match(await proveFault(world, entry), /app\.a uses 0 MiB of 64 MiB/)
    world.setState('app.a', 'exited')
    assert.match(await healFault(world, entry), /app\.a: runs/)
    assert.deepEqual([world.limits.get('app.a')?.memoryBytes, world.stateOf('app.a')], [null, 'running'])
  })

  /** A world whose Docker refuses limits of running containers. */
  function refusing(world: FakeWorld, message: string): FakeWorld {
    return {
      ...world,
      limit: async (...[target, limits]: Parameters<FakeWorld['limit']>) => {
        if (limits.memoryBytes !== null && world.stateOf('app.a') === 'running') throw new Error(message)
        return world.limit(target, limits)
      },
    }
  }

  void test('a kernel that refuses a limit below what is used is stood in for: the container dies as under others', async () => {
    const world = createFakeWorld()
    const busy = refusing(world, 'unable to set memory limit to 67108864 (current usage: 111198208)')
    const { entry } = await injectFault(busy, 'drill', short)
    assert.deepEqual([world.stateOf('app.a'), world.limits.get('app.a')?.memoryBytes], ['exited', 64 * 2 ** 20])
    assert.match(await proveFault(busy, entry), /app\.a is dead: 64 MiB are less than it used/)
    await healFault(busy, entry)
    assert.deepEqual([world.limits.get('app.a')?.memoryBytes, world.stateOf('app.a')], [null, 'running'])
  })

  void test('a limit that Docker refuses for another reason is taken back', async () => {
    const world = createFakeWorld()
    await assert.rejects(injectFault(refusing(world, 'minimum is 6MB'), 'drill', short), /minimum is 6MB/)
    assert.deepEqual([world.ledger, world.stateOf('app.a')], [[], 'running'])
  })

  void test('who is dead for another reason is no proof of a limit', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', short)
    world.setState('app.a', 'exited')
    world.limits.clear()
    await assert.rejects(proveFault(world, entry), FaultUnproven)
  })

  void test('a second one of the same kind must wait: it would give back the first one’s limit', async () => {
    const world = createFakeWorld()
    await injectFault(world, 'drill', starved)
    const second = faultSpec.parse({ id: 'y', kind: 'cpu-starvation', target: 'app.b' })
    await assert.rejects(injectFault(world, 'drill', second), (error) => {
      return (
        error instanceof FaultImpossible &&
        /cpu-starvation of app\.a, app\.b \(drill\.x\) and cpu-starvation of app\.b \(drill\.y\) .* both set the processors of app\.b/.test(
          error.message,
        )
      )
    })
    assert.equal(world.ledger.length, 1)
    await injectFault(world, 'drill', short)
  })

  void test('an engine without control groups refuses before anything is done', async () => {
    const world = createFakeWorld()
    world.unsupported.push({ kind: 'memory-limit', reason: 'no control groups' })
    await assert.rejects(injectFault(world, 'drill', short), (error) => {
      return error instanceof FaultImpossible && error.message.includes('no control groups')
    })
    assert.deepEqual([world.ledger, [...world.limits]], [[], []])
  })
})

void describe('a full disk', () => {
  const full = spec({ kind: 'disk-full', target: 'postgres.b' })
  function worldWithDisks(): FakeWorld {
    const world = createFakeWorld()
    return Object.assign(world, { topology: topology.parse({ disk: '512MiB' }) })
  }

  void test('needs a topology that has disks, and says so', async () => {
    await assert.rejects(injectFault(createFakeWorld(), 'drill', full), (error) => {
      return error instanceof FaultImpossible && error.message.includes('disk: 512MiB')
    })
  })

  void test('is filled, proven, emptied from the WAN’s container, and its Postgres started if it died', async () => {
    const world = worldWithDisks()
    let isFull = false
    world.onExec = (container, argv) => {
      assert.equal(container, 'wan')
      const script = argv.join(' ')
      if (script.includes('/dev/zero of=firedrill-filler')) isFull = true
      if (script.includes('rm -f firedrill-filler')) isFull = false
      if (script.includes('bs=1 count=1')) return isFull ? 'No space left on device\nfree 0' : 'free 9'
      return isFull ? 'free 0' : 'free 9\nemptied'
    }
    const { entry } = await injectFault(world, 'drill', full)
    assert.match(await proveFault(world, entry), /one byte more is refused/)
    world.setState('postgres.b', 'exited')
    agentAnswers(world, 'b', answering)
    assert.match(await healFault(world, entry), /its disk has room, and Postgres is back/)
    assert.deepEqual([world.stateOf('postgres.b'), isFull], ['running', false])
  })

  void test('is not proven while a byte can still be written', async () => {
    const world = worldWithDisks()
    world.onExec = () => 'free 12'
    const { entry } = await injectFault(world, 'drill', full)
    await assert.rejects(proveFault(world, entry), FaultUnproven)
  })
})

void describe('a crash of one process', () => {
  const crash = spec({ kind: 'process-crash', target: 'glb.ap', process: 'haproxy' })
  // The shell's own pid first; then pid, parent, state, start, name, title.
  const listing = (started: number): string =>
    `90\n1\t0\tS\t5\ttini\ttini\n8\t1\tS\t${started}\thaproxy\thaproxy -db\n90\t0\tS\t70\tsh\tsh\n`
  function worldWithBalancer(): FakeWorld {
    const world = createFakeWorld()
    return Object.assign(world, {
      containers: async () => [
        {
          site: 'ap',
          service: 'glb',
          name: 'glb',
          id: 'glb',
          image: 'fake',
          state: 'running',
          networks: [],
          failoverRole: null,
        },
      ],
    } satisfies Partial<FakeWorld>)
  }

  void test('is proven by the very process being gone, though another of its name has come', async () => {
    const world = worldWithBalancer()
    const kills: string[] = []
    world.onExec = (_, argv) => {
      if (argv.length > 3) kills.push(argv.slice(-2).join(' at '))
      return listing(kills.length === 0 ? 40 : 80)
    }
    const { entry } = await injectFault(world, 'drill', crash)
    assert.deepEqual(kills, ['8 at 40'])
    assert.match(await proveFault(world, entry), /process 8 of glb\.ap \(haproxy -db\) runs no more/)
    assert.match(await healFault(world, entry), /haproxy is back/)
  })

  void test('is not proven while it still runs', async () => {
    const world = worldWithBalancer()
    world.onExec = () => listing(40)
    const { entry } = await injectFault(world, 'drill', crash)
    await assert.rejects(proveFault(world, entry), FaultUnproven)
  })

  void test('of a process that is not there is no fault: what runs there is told', async () => {
    const world = worldWithBalancer()
    world.onExec = () => '90\n1\t0\tS\t5\ttini\ttini\n'
    await assert.rejects(injectFault(world, 'drill', crash), (error) => {
      return (
        error instanceof NothingToBreak && error.message.includes('expected a process "haproxy" in glb.ap, saw none')
      )
    })
    assert.deepEqual(world.ledger, [])
  })
})

void describe('a wrong clock', () => {
  const skewed = spec({ kind: 'clock-skew', target: 'app.a', by: '-90s' })
  const file = 'app.a:/var/lib/firedrill-clock'

  void test('is written with its sign, proven by the process’s own words, and written right again', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', skewed)
    assert.equal(world.files.get(file), '-90\n')
    // The fake's clock is at 0, and goes on by 1 ms a call: what the app says lies between two of the WAN's answers.
    const says = (wallMs: number): void => {
      const nextNs = 1_000_000_000n + BigInt(world.done.length + 1) * 1_000_000n
      world.answers.set('app.a', [{ monotonicNs: nextNs.toString(), wallMs }])
    }
    says(-90_000)
    assert.match(await proveFault(world, entry), /app\.a itself says -90\.0 s/)
    await handlerOf('clock-skew').heal(world, entry)
    assert.equal(world.files.get(file), '+0\n')
    says(-90_000)
    assert.equal(await handlerOf('clock-skew').isHealed(world, entry), null)
    says(0)
    assert.match((await handlerOf('clock-skew').isHealed(world, entry)) ?? '', /the wall clock is right/)
  })

  void test('of a container that does not run needs no proof of its end', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', skewed)
    world.setState('app.a', 'exited')
    assert.match(await healFault(world, entry), /as soon as it runs/)
  })
})

void describe('pauses and kills', () => {
  void test('a kill that Docker did not do is no kill', async () => {
    const world = createFakeWorld()
    world.stuck.add('bridge.b')
    const killed = spec({ kind: 'process-kill', target: 'app.b, bridge.b' })
    const { entry } = await injectFault(world, 'drill', killed)
    await assert.rejects(proveFault(world, entry), /saw bridge\.b run/)
  })

  void test('who is asked to stop is stopped in order, and started again', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', spec({ kind: 'process-kill', target: 'app.b', signal: 'stop' }))
    assert.ok(world.done.includes('stop app.b'))
    await healFault(world, entry)
    assert.ok(world.done.includes('start app.b'))
  })

  void test('a thaw lets go on who was paused, and starts nobody', async () => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', spec({ kind: 'pause', target: 'redis.b' }))
    assert.equal(world.stateOf('redis.b'), 'paused')
    world.setState('redis.b', 'exited')
    await handlerOf('pause').heal(world, entry)
    assert.ok(!world.done.some((each) => each.startsWith('start')))
  })
})

void test('a container that dies only after heal had looked at it is started all the same', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'drill', spec({ kind: 'process-kill', target: 'app.b' }))
  // Docker has not heard of its end yet.
  world.stuck.add('app.b')
  setTimeout(() => world.stuck.delete('app.b'), 100)
  assert.equal(await healFault(world, entry, 20_000), 'app.b: all of them run')
  assert.equal(world.done.filter((each) => each === 'start app.b').length, 2)
})
