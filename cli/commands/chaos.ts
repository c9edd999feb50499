// `chaos`: the faults that there are, one of them by hand, and those that are in force.
import { type Command, Option } from 'commander'
import { handlerOf } from '#chaos/library.ts'
import { clockNs, linkChanges, readFence, readLedger } from '#chaos/wan-calls.ts'
import { describeFaults, lasting } from '#gameday/fault-words.ts'
import { faultFrom, injectByHand } from '#gameday/manual-fault.ts'
import { whatKind } from '#protocol/faults.ts'
import { faultsNotOffered } from '#protocol/not-offered.ts'
import { busy } from '#world/busy-lock.ts'
import { connectEngine, type Engine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { holderWords } from '#world/holder.ts'
import { guardsWork, lookAtDriver, readHolds } from '#world/holds.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { faultListScreen, faultRow, fenceLine, linkRow, roughly, textColumns } from '../fault-screen.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'
import { collect } from '../topology-options.ts'

export function registerChaos(program: Command): void {
  const chaos = program
    .command('chaos')
    .description('faults: list the kinds, inject one by hand, show those in force; heal ends them')
    .helpCommand(false)
  chaos
    .command('list')
    .description('every kind of fault, its target and parameters, and who heals it when all else is dead')
    .argument('[kind]', 'only this one')
    .option('--json', 'print it as JSON')
    .action(list)
  chaos
    .command('inject')
    .description('inject one fault, beside a running drill too; it ends by itself after --for')
    .argument('<kind>', 'such as partition; see: ./firedrill chaos list')
    .argument('<target...>', 'such as region a, controller.b, "a -> b,c"')
    .addOption(worldOption())
    .addOption(new Option('--for <time>', `the longest that it may last (default: ${lasting().default})`))
    .option('--set <key=value>', 'a parameter of the kind, such as loss=0.1 (repeatable)', collect, [])
    .action(inject)
  chaos
    .command('status')
    .description('the faults in force, whose they are and how long they last; link changes; the fence device')
    .addOption(worldOption())
    .option('--json', 'print it as JSON')
    .action(status)
}

function list(kind: string | undefined, options: { readonly json?: true }): void {
  const faults = describeFaults().filter((each) => kind === undefined || each.kind === kind)
  if (faults.length === 0) throw new EnvironmentError(`${whatKind(kind)}, saw ${JSON.stringify(kind)}`)
  print(
    options.json === true
      ? JSON.stringify({ kinds: faults, for: lasting(), notOffered: faultsNotOffered }, null, 2)
      : faultListScreen(faults, lasting(), kind === undefined ? faultsNotOffered : {}),
  )
}

interface InjectOptions {
  readonly world: string
  readonly for?: string
  readonly set: readonly string[]
}

async function inject(kind: string, target: readonly string[], options: InjectOptions): Promise<void> {
  const { set } = options
  const spec = faultFrom({
    kind,
    target: target.join(' '),
    set,
    ...(options.for === undefined ? {} : { for: options.for }),
  })
  const engine = await connectEngine(hostConfig(), say)
  await seeToGuard(engine, options.world, { injects: null })
  await using world = await openWorldOn(engine.docker, options.world)
  await besideWhom(engine.docker, world)
  const { entry, proven } = await injectByHand(world, spec)
  const proof = await proven
  const leftMs = Number(BigInt(entry.expiresNs) - (await clockNs(world))) / 1e6
  const until = new Date(Date.now() + leftMs).toTimeString().slice(0, 8)
  const where = options.world === 'default' ? '' : ` --world ${options.world}`
  print(`${entry.id}: ${entry.kind} of ${entry.target}
  seen    ${proof}
  lasts   until ${until} (${roughly(leftMs)} left), then ${handlerOf(entry.kind).endsBy ?? 'the guard'} ends it
  heal    ./firedrill heal ${entry.id}${where}`)
}

/**
 * Waits for a guard that heals: it would take this fault with the others. Says whose drill will tell of it.
 * @throws EnvironmentError if the world is being brought up, down or healed
 */
async function besideWhom(docker: Engine['docker'], world: RunningWorld): Promise<void> {
  for (;;) {
    const { state, holder } = await lookAtDriver(docker, world.name, world)
    if (state !== 'held' && state !== 'away') return
    if (holder.doing !== guardsWork) {
      if (!/^(run|fuzz|bench)\b/.test(holder.doing)) throw busy(world.name, holder)
      say(
        `world ${world.name} is held by ${holderWords(holder)}: the drill tells of this fault, and can't pass any more`,
      )
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function status(options: { readonly world: string; readonly json?: true }): Promise<void> {
  const engine = await connectEngine(hostConfig(), say)
  await seeToGuard(engine, options.world)
  await using world = await openWorldOn(engine.docker, options.world)
  const [faults, links, fence, nowNs, { guard }] = await Promise.all([
    readLedger(world),
    linkChanges(world),
    readFence(world),
    clockNs(world),
    readHolds(world),
  ])
  const guardedBy = guard.state === 'held' ? guard.holder : null
  if (options.json === true) {
    print(
      JSON.stringify({ world: world.name, nowNs: nowNs.toString(), faults, links, fence, guard: guardedBy }, null, 2),
    )
    return
  }
  const block = (title: string, none: string, rows: readonly (readonly string[])[]): readonly string[] =>
    rows.length === 0 ? [none] : [title, ...textColumns(rows).map((line) => `  ${line}`)]
  const now = nowNs.toString()
  print(
    [
      ...block(
        'faults (heal one: ./firedrill heal ID; all: ./firedrill heal):',
        'no fault in the ledger',
        faults.map((each) => faultRow(each, now)),
      ),
      ...block('link changes:', 'every link has its own settings', links.map(linkRow)),
      fenceLine(fence),
      guardedBy === null
        ? 'guard: none'
        : `guard: process ${guardedBy.pid} of user ${guardedBy.user} on host ${guardedBy.host} since ${guardedBy.since}`,
    ].join('\n'),
  )
}
