// Timelines of Postgres as files: read, and put in place, at another node's word, before Postgres asks for them.
import { chown, open, readdir, readFile, rename } from 'node:fs/promises'
import {
  canonicalLsn,
  decideTimeline,
  type Fork,
  type NodeView,
  type TimelineDecision,
} from '#orchestrator/core/agent/decisions.ts'
import { streamStart, type StreamStart } from '#orchestrator/core/agent/replication-anticipation.ts'
import type { TimelineNotice, TimelineReply } from '#protocol/agent.ts'
import type { Log } from '#runtime/log.ts'
import type { Session } from '#runtime/postgres.ts'
import { awaitEndOfReplay } from './cut.ts'
import { syncFolder } from './durable-state.ts'
import { paths } from './paths.ts'
import type { Account } from './postgres-server.ts'
import { Refused } from './refused.ts'
import type { ReplicationLink } from './replication-link.ts'
import { within } from './waits.ts'

const folder = `${paths.data}/pg_wal`
/** The word of a promotion comes soon after the order to follow, on a busy machine later; without it Postgres finds out by itself. */
const noticeTimeoutMs = 300

const fileName = (timeline: number): string => `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`

/** Where the newest timeline of a history file's text forked from the one before. */
export function forkOf(text: string): string {
  return canonicalLsn(text.trim().split('\n').at(-1)?.split('\t')[1] ?? '0/0')
}

/** The timelines of which a history file lies among the WAL. */
export async function readForks(): Promise<Fork[]> {
  const files = (await readdir(folder)).filter((file) => /^[0-9A-F]{8}\.history$/.test(file))
  return Promise.all(
    files.map(async (file) => ({
      timeline: Number.parseInt(file.slice(0, 8), 16),
      forkLsn: forkOf(await readFile(`${folder}/${file}`, 'utf8')),
    })),
  )
}

export async function readTimeline(timeline: number): Promise<string> {
  return readFile(`${folder}/${fileName(timeline)}`, 'utf8')
}

/** Puts a history file among the WAL as a walreceiver would, whole or not at all. One that is there stays. */
async function plant(timeline: number, text: string, account: Account): Promise<void> {
  if ((await readdir(folder)).includes(fileName(timeline))) return
  const next = `${folder}/agent.history.next`
  const file = await open(next, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await chown(next, account.uid, account.gid)
  await rename(next, `${folder}/${fileName(timeline)}`)
  await syncFolder(folder)
}

/** Of the node that is told. */
export type Told = { view: () => NodeView; server: { account: Account } }

/** What this node was told of new timelines. */
export class NewTimelines {
  readonly #node: Told
  readonly #session: () => Promise<Session>
  readonly #log: Log
  readonly #link: Pick<ReplicationLink, 'learn'>
  readonly #lookMs: number
  #last: TimelineNotice | null = null
  #planting: Promise<void> | null = null
  #heard = Promise.withResolvers<void>()

  /**
   * @param session one to look at Postgres by
   * @param link is told of each timeline whose history file is in its place
   * @param lookMs so long Postgres is given to see it
   */
  constructor(
    node: Told,
    session: () => Promise<Session>,
    log: Log,
    link: Pick<ReplicationLink, 'learn'>,
    lookMs: number,
  ) {
    this.#node = node
    this.#session = session
    this.#log = log
    this.#link = link
    this.#lookMs = lookMs
  }

  /**
   * Not under the node's lock: whoever holds it may be waiting for this.
   * @throws Refused
   */
  async hear(notice: TimelineNotice): Promise<TimelineReply> {
    const decision = this.#judge(notice)
    if (decision.kind === 'refuse') throw new Refused(this.#node.view().kept.promised, decision.reason)
    if (this.#last?.epoch !== notice.epoch) {
      this.#last = notice
      this.#planting = null
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    }
    const planted = decision.kind === 'plant'
    if (planted) await this.#plant(notice)
    return { planted }
  }

  /**
   * A node that has all WAL up to the fork can ask for the new timeline straight away, once Postgres has seen its history;
   * otherwise it would first ask for the old one, be told that this has ended, and begin again: three round trips more.
   * @param endLsn where the node's WAL ends
   * @returns what Postgres will ask for, if it was seen to know the new timeline; else that isn't certain
   */
  async expect(epoch: number, endLsn: string | null, signal: AbortSignal): Promise<StreamStart | null> {
    if (this.#last?.epoch !== epoch) await within(this.#heard.promise, noticeTimeoutMs, signal)
    const notice = this.#last
    if (notice?.epoch !== epoch || this.#judge(notice).kind !== 'plant') return null
    await this.#plant(notice)
    const look = AbortSignal.any([signal, AbortSignal.timeout(this.#lookMs)])
    try {
      // Before it goes to sleep again, the startup process looks for new timelines.
      await awaitEndOfReplay(await this.#session(), look)
      return endLsn === null ? null : streamStart(endLsn, notice.timeline, notice.text)
    } catch (error) {
      signal.throwIfAborted()
      this.#log.info({ reason: String(error) }, 'Postgres was not seen looking for the new timeline')
      return null
    }
  }

  #judge(notice: TimelineNotice): TimelineDecision {
    return decideTimeline(this.#node.view(), { ...notice, forkLsn: forkOf(notice.text) })
  }

  async #plant(notice: TimelineNotice): Promise<void> {
    this.#planting ??= plant(notice.timeline, notice.text, this.#node.server.account)
    await this.#planting
    this.#link.learn(notice)
  }
}
