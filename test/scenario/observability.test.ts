// What a real world tells of itself, before and after a real failover: its labels to `lint`, its metrics, and the failover's trace.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test, type TestContext } from 'node:test'
import Dockerode from 'dockerode'
import { type OtlpReceiver, startReceiver } from '#gameday/telemetry/otlp-receiver.ts'
import { type Journal, journal as journalShape } from '#protocol/journal.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { findEndpoint } from '#world/docker-endpoint.ts'
import { removeWorld } from '#world/down.ts'
import { findContainer, worldLabel } from '#world/world-containers.ts'
import { firedrill } from '../integration/firedrill.ts'
import { everyMetric } from '../integration/every-metric.ts'

const docker = new Dockerode(findEndpoint(loadHostConfig()).options)
const world = `test-observed-${randomBytes(3).toString('hex')}`

/** A container that claims to be a part of the world, until the test ends. */
async function plant(context: TestContext, name: string, labels: Readonly<Record<string, string>>): Promise<void> {
  const { image } = await findContainer(docker, world, { site: null, service: 'wan' })
  const container = await docker.createContainer({
    name: `${world}-${name}`,
    Image: image,
    Cmd: ['sleep', '600'],
    Labels: { [worldLabel]: world, ...labels },
    HostConfig: { NetworkMode: 'none' },
  })
  context.after(async () => container.remove({ force: true }))
  await container.start()
}

/** Samples of one metric as `{labels} value`. */
function samplesOf(page: string, name: string): readonly string[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => line.slice(name.length))
}

suite('a world that is watched', () => {
  let receiver: OtlpReceiver
  let journal: Journal
  let folder: string

  before(async () => {
    const { exitCode, stderr } = await firedrill('up', '--world', world)
    assert.equal(exitCode, 0, stderr)
    receiver = await startReceiver()
    folder = await mkdtemp(join(tmpdir(), 'firedrill-observed-'))
  })

  after(async () => {
    await receiver[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
    await removeWorld(docker, world)
  })

  test('is clean', async () => {
    const { exitCode, stdout } = await firedrill('lint', '--world', world)
    assert.equal(exitCode, 0, stdout)
    assert.match(stdout, new RegExp(`^world ${world}: 55 containers, networks and volumes, every failover_role`, 'm'))
  })

  test('has a planted missing and a planted wrong role found', async (context) => {
    await plant(context, 'missing', { 'firedrill.site': 'na', 'firedrill.service': 'cache' })
    await plant(context, 'wrong', { 'firedrill.site': 'b', 'firedrill.service': 'redis', failover_role: 'arbiter' })
    const { exitCode, stdout } = await firedrill('lint', '--world', world)
    assert.equal(exitCode, 1)
    const findings = stdout.split('\n').filter((line) => line.startsWith('container '))
    assert.equal(findings.length, 2, stdout)
    assert.match(findings[0] ?? '', /-missing: .*: failover_role missing: expected one of .*, saw none; set label/)
    assert.match(
      findings[1] ?? '',
      /-wrong: .*: failover_role contradicting: expected standby \(redis of region b, home is a\), saw "arbiter"; set label/,
    )
  })

  test('tells the metrics of all its services, and no other than the page lists', async () => {
    const { exitCode, stdout: page } = await firedrill('metrics', '--world', world)
    assert.equal(exitCode, 0)
    assert.deepEqual(
      samplesOf(page, 'firedrill_scrape_up').filter((sample) => !sample.endsWith(' 1')),
      [],
    )
    const known = await everyMetric()
    const told = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    for (const [, name = '', type] of told) assert.equal(known.get(name)?.type, type, name)
    assert.deepEqual(
      samplesOf(page, 'firedrill_agent_state').filter((each) => each.endsWith('"primary"} 1')),
      ['{service="postgres",site="a",state="primary"} 1'],
    )
    assert.equal(samplesOf(page, 'firedrill_agent_follower_lag_bytes').length, 2)
    assert.ok(samplesOf(page, 'firedrill_controller_beats_heard_total').some((each) => !each.endsWith(' 0')))
    assert.equal(samplesOf(page, 'firedrill_wan_link_delay_seconds').length, 30 * 5)
  })

  test('is drilled, and its drill is sent as traces', async () => {
    const runbook = join(folder, 'short-crash.yaml')
    await writeFile(
      runbook,
      `title: Crash the primary's Postgres, shortly
topology: { pattern: active-passive, steering: glb, commit: quorum, home: a }
objectives: { rpo: 0s }
load: { rate: 60/s, reads: 0.5, from: [na, eu, ap] }
steady-state-hypothesis: { success-rate: '>= 99%', p99: '<= 2s' }
method:
  - hold: 5s
  - fault: { id: crash, kind: postgres-crash, target: region a }
  - wait-for: { event: failover-complete, within: 60s }
  - hold: 8s
  - heal: crash
  - wait-for: { event: resynced, within: 120s }
`,
    )
    const ended = await firedrill(
      'run',
      runbook,
      '--world',
      world,
      '--seed',
      '1',
      '--json',
      '--otlp',
      receiver.endpoint,
    )
    journal = journalShape.parse(JSON.parse(ended.stdout))
    assert.match(ended.stderr, /traces: \d+ spans in 2 traces sent to/)
    assert.equal(receiver.spans.filter((span) => span.parentSpanId === undefined).length, 2)
  })

  test('has the failover in one trace whose phases add up to what the journal says', () => {
    const root = receiver.spans.find((span) => span.name === 'failover')
    assert.ok(root)
    const children = receiver.spans.filter((span) => span.parentSpanId === root.spanId)
    assert.deepEqual(
      children.map((span) => span.name),
      ['detect', 'decide', 'fence', 'promote', 'steer', 'recover'],
    )
    assert.ok(children.every((span) => span.traceId === root.traceId))
    let atNs = root.startTimeUnixNano
    for (const child of children) {
      assert.equal(child.startTimeUnixNano, atNs, child.name)
      atNs = child.endTimeUnixNano
    }
    assert.equal(atNs, root.endTimeUnixNano)
    const tookMs = Number(root.endTimeUnixNano - root.startTimeUnixNano) / 1e6
    assert.ok(Math.abs(tookMs - (journal.rto.restoredMs ?? Number.NaN)) < 0.001, `${tookMs} ms`)
    const startedMs = Date.parse(journal.startedAt)
    const beganMs = Number(root.startTimeUnixNano) / 1e6
    assert.ok(beganMs > startedMs && beganMs < startedMs + journal.durationMs)
    assert.deepEqual(root.attributes['firedrill.faults'], ['postgres-crash of region a'])
    assert.equal(root.attributes['firedrill.epoch'], journal.epochs.at(-1)?.epoch)
    const told = new Set(children.flatMap((span) => span.events.map((event) => event.name)))
    for (const kind of ['suspect', 'epoch-taken', 'promised', 'fenced', 'promoted']) assert.ok(told.has(kind), kind)
  })

  test('has a role that the epoch has moved told as moved, which is no fault', async () => {
    const { exitCode, stdout } = await firedrill('lint', '--world', world)
    assert.equal(exitCode, 0, stdout)
    const { epoch, region } = journal.epochs.at(-1) ?? { epoch: 0, region: null }
    assert.notEqual(region, 'a')
    assert.match(
      stdout,
      new RegExp(
        `postgres-${region}: failover_role moved: expected standby by design \\(home is a\\), saw primary since epoch ${epoch}; move it home`,
      ),
    )
    assert.match(stdout, new RegExp(`postgres-a: failover_role moved: .* saw standby since epoch ${epoch};`))
  })

  test('tells in its metrics what the failover was', async () => {
    const { stdout: page } = await firedrill('metrics', '--world', world)
    const { epoch } = journal.epochs.at(-1) ?? { epoch: 0 }
    assert.ok(samplesOf(page, 'firedrill_controller_epoch_held').some((each) => each.endsWith(` ${epoch}`)))
    const phases = samplesOf(page, 'firedrill_controller_failover_phase_seconds')
    for (const phase of ['decide', 'fence', 'promote', 'steer'])
      assert.ok(
        phases.some((each) => each.includes(`phase="${phase}"`)),
        phases.join(),
      )
    assert.match(
      samplesOf(page, 'firedrill_controller_attempt_outcomes_total').join('\n'),
      /kind="failover",outcome="promoted"\} [1-9]/,
    )
    assert.match(samplesOf(page, 'firedrill_controller_suspicions_total').join('\n'), /region="a"\} [1-9]/)
    assert.ok(samplesOf(page, 'firedrill_client_operations_total').some((each) => /outcome="ok"\} [1-9]/.test(each)))
    assert.match(
      samplesOf(page, 'firedrill_agent_order_seconds_count').join('\n'),
      /order="promote",outcome="obeyed"\} [1-9]/,
    )
  })
})
