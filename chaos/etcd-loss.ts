// A member of the quorum is lost.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const etcdLoss: FaultHandler<'etcd-loss'> = {
  summary: 'a member of the quorum is lost',
  ...notBuilt,
}
