// Stands in for faults that are on their way; goes with the last of them.
import type { FaultHandler } from './fault.ts'

const refuse = (): Promise<never> => Promise.reject(new Error('this fault is not built yet'))

export const notBuilt: Omit<FaultHandler, 'summary'> = {
  expected: () => 'not built yet',
  touches: (spec) => [spec.target],
  impossible: () => Promise.resolve('it is not built yet'),
  detail: () => ({}),
  inject: refuse,
  prove: refuse,
  heal: refuse,
  isHealed: refuse,
}
