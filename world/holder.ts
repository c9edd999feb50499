// What a process of this tool says of itself where it has a world, and whether such a process still lives.
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Holder } from '#protocol/holds.ts'
import { checkout, userName } from './checkout.ts'
import { isAlive } from './process-lock.ts'

/** @param doing what others are told, such as `run region-loss` */
export function describeSelf(doing: string): Holder {
  return {
    id: randomUUID(),
    doing: doing.slice(0, 500),
    user: userName(),
    pid: process.pid,
    host: hostname(),
    machine: thisMachine(),
    started: startOf(process.pid),
    checkout,
    since: new Date().toISOString(),
  }
}

/** `gone` and `lives` are certain; `unknown`: it is of another machine. */
export function processOf({ machine, pid, started }: Holder): 'lives' | 'gone' | 'unknown' {
  if (machine !== thisMachine()) return 'unknown'
  if (!isAlive(pid)) return 'gone'
  const seen = startOf(pid)
  // Another process has got the number since; one that can't be looked at is taken for the holder.
  return started !== null && seen !== null && seen !== started ? 'gone' : 'lives'
}

/** For people: `"run region-loss" of user x, process 12 on host h in /checkout (since 12:03:04)`. */
export function holderWords({ doing, user, pid, host, checkout, since }: Holder): string {
  const at = new Date(since)
  const time = Number.isNaN(at.getTime()) ? since : at.toTimeString().slice(0, 8)
  return `${JSON.stringify(doing)} of user ${user}, process ${pid} on host ${host} in ${checkout} (since ${time})`
}

/** Clocks that are set, and names of users, change nothing in it. */
function thisMachine(): string {
  const boot = read('/proc/sys/kernel/random/boot_id') ?? ''
  return createHash('sha256').update(`${hostname()}\n${boot}\n${numberSpace()}`).digest('hex').slice(0, 32)
}

/** Processes of a container have numbers of their own. */
function numberSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** In the kernel's ticks since it was booted; the 22nd field, counted from behind the name, which may hold anything. */
function startOf(pid: number): string | null {
  const fields = read(`/proc/${pid}/stat`)
  return fields?.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
