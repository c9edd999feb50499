// What a step is called: on the screen, in the journal, in the plan, in the dashboard.
import { stepKinds, type SingleStep, type Step } from '#protocol/runbook.ts'
import { formatMs } from './measure/objectives.ts'

export function kindOf(step: Step): (typeof stepKinds)[number] {
  return stepKinds.find((each) => step[each] !== undefined) ?? 'hold'
}

export function titleOf(step: SingleStep): string {
  if (step.hold !== undefined) return `Hold for ${formatMs(step.hold)}`
  if (step.fault !== undefined) return `Fault: ${step.fault.kind} of ${step.fault.target}`
  if (step['wait-for'] !== undefined) return `Wait for ${step['wait-for'].event}`
  if (step.approve !== undefined) return `Approve: ${step.approve}`
  if (step.heal !== undefined) return `Heal ${step.heal}`
  const { kind, to } = step.action ?? { kind: 'failback', to: undefined }
  const order = to === undefined ? `Order a ${kind}` : `Order a ${kind} to ${to}`
  return step.action?.wait === false ? `${order}, not waiting` : order
}
