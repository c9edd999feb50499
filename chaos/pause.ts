// Single containers are paused.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const pause: FaultHandler<'pause'> = {
  summary: 'single containers are paused',
  ...notBuilt,
}
