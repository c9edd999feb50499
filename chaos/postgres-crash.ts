// The postmaster of a region dies by kill -9; its agent stays alive and sees it.
import { z } from 'zod'
import { agentStatus } from '#protocol/agent.ts'
import { regions } from '#protocol/sites.ts'
import { postgresIsBack } from './containers.ts'
import { FaultUnproven, NothingToBreak, type FaultHandler } from './fault.ts'
import { regionOf } from './targets.ts'
import { between } from './wan-calls.ts'

/** A node that is rewound or copied anew has no postmaster meanwhile, and a half-made one none until it finds a primary. */
const postmasterWithinMs = { demanded: 15_000, optional: 3000 }

const crashDetail = z.object({
  region: z.enum(regions),
  waitMs: z.number().default(postmasterWithinMs.demanded),
})

// Runs inside the container: finds the postmaster (the postgres process whose parent is none), as soon as there is one, kills it,
// and gives the kernel's monotonic time on both sides of the kill: far narrower than Docker's exec call.
const killPostmaster = (withinMs: number): string => `
const fs = require('node:fs')
const comm = (pid) => { try { return fs.readFileSync('/proc/' + pid + '/comm', 'utf8').trim() } catch { return '' } }
const parent = (pid) => {
  try { return fs.readFileSync('/proc/' + pid + '/stat', 'utf8').replace(/^.*\\) /s, '').split(' ')[1] } catch { return null }
}
const find = () => fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))
  .find((pid) => comm(pid) === 'postgres' && parent(pid) !== null && comm(parent(pid)) !== 'postgres')
const deadline = performance.now() + ${withinMs}
let postmaster = find()
while (postmaster === undefined && performance.now() < deadline) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  postmaster = find()
}
if (postmaster === undefined) { console.error('no postmaster ran for ${withinMs / 1000} s'); process.exit(${nobody}) }
const first = process.hrtime.bigint()
process.kill(Number(postmaster), 'SIGKILL')
const last = process.hrtime.bigint()
console.log(JSON.stringify({ pid: Number(postmaster), firstNs: String(first), lastNs: String(last) }))
`
/** Exit code of the command where no postmaster runs. */
const nobody = 3
/** The agent is told by its kernel, but a busy machine may let it wait for its turn. */
const seenWithinMs = 5000
const killed = z.object({ pid: z.number(), firstNs: z.string(), lastNs: z.string() })

export const postgresCrash: FaultHandler<'postgres-crash'> = {
  summary:
    "a region's postmaster dies by kill -9; its agent lives, sees it and starts it again as a standby when told to",
  expected: (spec) =>
    `Postgres of ${spec.target} is gone at once; if it was primary, another region takes over, and it comes back as a standby`,
  touches: (spec) => [`postgres.${regionOf(spec.target)}`],
  holds: () => [],

  detail: (spec) => ({
    region: regionOf(spec.target),
    waitMs: spec.optional ? postmasterWithinMs.optional : postmasterWithinMs.demanded,
  }),

  async inject(world, entry) {
    const { region, waitMs } = crashDetail.parse(entry.detail)
    let output = ''
    const outer = await between(world, async () => {
      const argv = ['node', '-e', killPostmaster(waitMs)]
      const { exitCode, stdout, stderr } = await world.exec({ site: region, service: 'postgres' }, argv)
      const what = `expected to kill the postmaster in region ${region}, saw: ${stderr.trim()}`
      if (exitCode === nobody) throw new NothingToBreak(what)
      if (exitCode !== 0) throw new FaultUnproven(what)
      output = stdout
    })
    const inner = killed.parse(JSON.parse(output))
    const firstNs = BigInt(inner.firstNs)
    const lastNs = BigInt(inner.lastNs)
    // Another kernel's clock would make every figure wrong.
    return firstNs >= outer.firstNs && lastNs <= outer.lastNs ? { firstNs, lastNs } : outer
  },

  async prove(world, entry) {
    const { region } = crashDetail.parse(entry.detail)
    const call = { method: 'GET', path: '/status', reply: agentStatus, timeoutMs: 3000 } as const
    const deadline = performance.now() + seenWithinMs
    for (;;) {
      const { state } = await world.wayIn.control(`postgres.${region}`, call)
      if (state !== 'primary') return `the agent of region ${region} lives and says ${state}`
      if (performance.now() > deadline)
        throw new FaultUnproven(
          `expected no primary in region ${region} after kill -9, saw its agent call itself primary for ${seenWithinMs / 1000} s`,
        )
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  },

  async heal() {
    // Nothing to take back: the agent starts Postgres again by itself, as a standby without orders.
  },

  async isHealed(world, entry) {
    return postgresIsBack(world, crashDetail.parse(entry.detail).region)
  },
}
