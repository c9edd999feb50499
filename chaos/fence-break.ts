// The fence device is broken.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const fenceBreak: FaultHandler<'fence-break'> = {
  summary: 'the fence device is broken',
  ...notBuilt,
}
