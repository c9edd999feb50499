// How exact the WAN's delay is under load, and how much one link carries on an idle world.
import { z } from 'zod'
import { runbook } from '#protocol/runbook.ts'
import { areas } from '#protocol/sites.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { planFor, startLoad, stopLoad } from '../load.ts'
import { percentile } from '../measure/service.ts'
import { pause } from '../wait.ts'
import { distribution } from './distribution.ts'
import type { BenchOptions, BenchResult } from './run-bench.ts'

const nominalRttMs = 80
const pings = 500
/** So many connections are open at once at the most. */
const pingBatch = 100
/** More often, the handshakes themselves would keep both ends busy. */
const pingEveryMs = 100
const throughputPort = 9100
const throughputMs = 5000
/** One stream would be held back by its sender's window: the default of 4 MiB is good for about 200 Mbit/s over 80 ms. */
const streams = 4

// A TCP handshake takes one round trip. Both kernels do it by themselves, and the first one keeps how long it took (tcp_info), so
// that no process's own lateness is measured.
const pingScript = `
const net = require('node:net')
const { execFileSync } = require('node:child_process')
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const connect = () => new Promise((resolve, reject) => {
  const socket = net.connect(9000, process.argv[1], () => resolve(socket))
  socket.on('error', reject)
})
const rtts = []
while (rtts.length < ${pings}) {
  const opening = []
  for (let index = 0; index < ${pingBatch}; index += 1) {
    opening.push(connect())
    await pause(${pingEveryMs})
  }
  const sockets = await Promise.all(opening)
  const ports = new Set(sockets.map((socket) => String(socket.localPort)))
  const lines = execFileSync('ss', ['-tinHO', 'dport', '=', ':9000'], { encoding: 'utf8' }).split('\\n')
  const mine = lines.filter((line) => ports.has(/:(\\d+)\\s/.exec(line)?.[1]))
  for (const socket of sockets) socket.destroy()
  rtts.push(...mine.map((line) => Number(/ rtt:([\\d.]+)/.exec(line)[1])))
}
console.log(JSON.stringify(rtts))
`
const sinkScript = `
const net = require('node:net')
let bytes = 0
let began = 0n
let left = ${streams}
const server = net.createServer((socket) => {
  if (began === 0n) began = process.hrtime.bigint()
  socket.on('data', (chunk) => { bytes += chunk.length })
  socket.on('end', () => {
    left -= 1
    if (left > 0) return
    console.log(JSON.stringify({ bitsPerSecond: (bytes * 8) / (Number(process.hrtime.bigint() - began) / 1e9) }))
    process.exit(0)
  })
})
server.listen(${throughputPort})
setTimeout(() => process.exit(1), 30000)
`
const sourceScript = `
const net = require('node:net')
const block = Buffer.alloc(262144)
const end = Date.now() + ${throughputMs}
for (let index = 0; index < ${streams}; index += 1) {
  const socket = net.connect(${throughputPort}, process.argv[1])
  const send = () => {
    while (Date.now() < end) if (!socket.write(block)) return socket.once('drain', send)
    socket.end()
  }
  socket.on('connect', send)
  socket.on('error', (error) => { console.error(error.message); process.exit(1) })
}
`

async function run(world: RunningWorld, target: Target, script: string, argument: string): Promise<string> {
  const result = await world.exec(target, ['node', '--input-type=module', '-e', asModule(script), argument])
  if (result.exitCode !== 0) throw new Error(`${target.service}.${target.site}: ${result.stderr.trim()}`)
  return result.stdout
}

/** The scripts use \`require\` for brevity and await at top level, which only modules allow. */
function asModule(script: string): string {
  return `import { createRequire } from 'node:module'\nconst require = createRequire('/')\n${script}`
}

async function measureRtts(world: RunningWorld): Promise<readonly number[]> {
  const output = await run(world, { site: 'a', service: 'postgres' }, pingScript, 'postgres.b')
  return z.array(z.number()).parse(JSON.parse(output))
}

async function measureThroughput(world: RunningWorld, signal: AbortSignal): Promise<number> {
  const sink = run(world, { site: 'b', service: 'app' }, sinkScript, '')
  await pause(1500, signal)
  const [output] = await Promise.all([sink, run(world, { site: 'a', service: 'app' }, sourceScript, 'app.b')])
  return z.object({ bitsPerSecond: z.number() }).parse(JSON.parse(output)).bitsPerSecond
}

export async function benchWan(options: BenchOptions): Promise<BenchResult> {
  const { world, progress, signal } = options
  const bitsPerSecond = await progress.step('Throughput of one link, idle world', () =>
    measureThroughput(world, signal),
  )
  const book = runbook.parse({
    title: 'Load for the WAN bench',
    load: { rate: '100/s' },
    'steady-state-hypothesis': { 'success-rate': '>= 99%', p99: '<= 1s' },
    method: [{ hold: '1s' }],
  })
  const rtts = await progress.step('Round trips under 100 operations/s', async () => {
    const startNs = (await clockNs(world)) + 300_000_000n
    await startLoad(world, areas, planFor(book, `bench-wan-${startNs}`, 1, startNs))
    try {
      await pause(3000, signal)
      return await measureRtts(world)
    } finally {
      await stopLoad(world, areas)
    }
  })
  const errors = rtts.map((rtt) => Math.abs(rtt - nominalRttMs))
  const json = {
    nominalRttMs,
    rttMs: distribution(rtts),
    rttErrorP99Ms: percentile(errors, 0.99),
    throughputMbit: bitsPerSecond / 1e6,
  }
  const screen = [
    `round trip a-b   ${rtts.length} handshakes, nominal ${nominalRttMs} ms, median ${json.rttMs?.median.toFixed(2)} ms, error p99 ${json.rttErrorP99Ms?.toFixed(2)} ms`,
    `throughput a-b   ${json.throughputMbit.toFixed(0)} Mbit/s in ${streams} streams`,
  ].join('\n')
  return { screen, json, verdict: 'pass' }
}
