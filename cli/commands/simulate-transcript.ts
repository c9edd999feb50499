// What is printed before and after the transcript of one schedule.
import type { Schedule } from '#simulation/draw.ts'
import type { Outcome } from '#simulation/run.ts'
import { invariants } from '#simulation/violation.ts'
import { print } from '../shared.ts'

export function printSchedule({ faults, ...drawn }: Schedule): void {
  print(`schedule ${JSON.stringify(drawn)}`)
  for (const fault of faults) print(`fault ${JSON.stringify(fault)}`)
}

/** @returns the exit code */
export function printEnd({ violation, simulatedMs, faults, acks }: Outcome): number {
  print(`${simulatedMs} ms simulated, ${faults} faults, ${acks} acked writes`)
  print(
    violation === null
      ? 'no violation'
      : `VIOLATION of ${violation.invariant}: ${invariants[violation.invariant]}: ${violation.what}`,
  )
  return violation === null ? 0 : 1
}
