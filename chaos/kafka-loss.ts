// A broker is lost, with its disk or without.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const kafkaLoss: FaultHandler<'kafka-loss'> = {
  summary: 'a broker is lost, with its disk or without',
  ...notBuilt,
}
