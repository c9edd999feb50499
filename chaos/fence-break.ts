// The fence device is broken: it refuses every order, or never answers.
import { z } from 'zod'
import { ports, regions, type Region } from '#protocol/sites.ts'
import { fenceBreak as breakOrder, fenceState } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { runInside, runningNames } from './inside.ts'
import { lastsMs } from './lease.ts'
import { fenceStaysBroken } from './sight.ts'
import { othersThan } from './targets.ts'
import { effectiveOn } from './traffic.ts'
import { between, linksState, mendFenceDevice } from './wan-calls.ts'

const breakDetail = z.object({ mode: breakOrder.shape.mode, expiresInMs: z.number() })
const timeoutMs = 3000

// An order that a working device refuses as malformed (400), so that nothing is ever fenced by asking. Prints the status, if any.
const ask = `
[[ $(</run/firedrill/secrets.json) =~ \\"fence\\":\\ *\\"([^\\"]+)\\" ]] || exit
exec 3<>/dev/tcp/wan/${ports.control} || exit
printf 'POST /fence HTTP/1.1\\r\\nhost: wan\\r\\nauthorization: Bearer %s\\r\\ncontent-type: application/json\\r\\n' "\${BASH_REMATCH[1]}" >&3
printf 'content-length: 2\\r\\nconnection: close\\r\\n\\r\\n{}' >&3
read -r -t 1.5 _ status _ <&3 && echo "$status"
`

/** A region whose controller runs and has a link: the device may leave others without an answer even if it works. */
async function findAsker(world: RunningWorld): Promise<Region | null> {
  const [running, state] = [await runningNames(world), await linksState(world)]
  const found = regions.find(
    (region) =>
      running.has(`controller.${region}`) &&
      othersThan(region, false).some((to) => effectiveOn(state, { from: region, to }, 'control')?.up === true),
  )
  return found ?? null
}

/** The status that the device answers to a controller's container with; empty: nothing within 1.5 s. Null: nobody can ask. */
async function askDevice(world: RunningWorld): Promise<{ readonly region: Region; readonly status: string } | null> {
  const region = await findAsker(world)
  if (region === null) return null
  return { region, status: (await runInside(world, { site: region, service: 'controller' }, ask, [])).trim() }
}

async function deviceState(world: RunningWorld): Promise<z.infer<typeof fenceState>> {
  return world.wayIn.wan({ method: 'GET', path: '/fence', reply: fenceState, timeoutMs })
}

export const fenceBreak: FaultHandler<'fence-break'> = {
  summary: 'the fence device is broken: it refuses orders, or never answers',
  endsBy: 'the WAN',

  expected: (spec) =>
    `orders to fence a region ${spec.mode === 'refuse' ? 'are refused (503)' : 'get no answer'}: ` +
    'a failover must wait until it is safe without the device',

  touches: () => ['fence device'],
  holds: () => ['broken:fence device'],

  detail: (spec) => ({ mode: spec.mode, expiresInMs: lastsMs(spec) }),

  async inject(world, entry) {
    const body = { id: entry.id, ...breakDetail.parse(entry.detail) }
    return between(world, () =>
      world.wayIn.wan({ method: 'POST', path: '/fence/break', body, reply: fenceState, timeoutMs }),
    )
  },

  async prove(world, entry) {
    const { mode } = breakDetail.parse(entry.detail)
    const { broken } = await deviceState(world)
    if (broken !== mode) throw new FaultUnproven(`expected the fence device to say ${mode}, saw ${String(broken)}`)
    const answer = await askDevice(world)
    if (answer === null) return `the fence device says that it is broken (${mode}); no site is in a state to ask it`
    const expected = mode === 'refuse' ? '503' : ''
    if (answer.status !== expected)
      throw new FaultUnproven(
        `expected ${expected === '' ? 'no answer' : expected} of the fence device in region ${answer.region}, saw ${answer.status || 'none'}`,
      )
    return `asked from region ${answer.region}, the fence device ${mode === 'refuse' ? 'answers 503' : 'is silent for 1.5 s'}`
  },

  endedIn: fenceStaysBroken,

  async heal(world) {
    await mendFenceDevice(world)
  },

  async isHealed(world) {
    if ((await deviceState(world)).broken !== null) return null
    const answer = await askDevice(world)
    if (answer === null) return 'the fence device says that it works; no site is in a state to ask it'
    return answer.status === '400' ? `the fence device answers region ${answer.region} again` : null
  },
}
