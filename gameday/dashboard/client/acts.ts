// The dialogs of what can be done to the world.
import type { Catalogue } from '../model/offers.ts'
import type { DashboardState } from '../model/state.ts'
import { ask, fetchJson } from './ask.ts'
import { openForm, type Field } from './forms.ts'

const nothing = (): void => {}

async function catalogue(): Promise<Catalogue> {
  return fetchJson<Catalogue>('/api/catalogue')
}

export async function openInject(onDone: (words: string) => void): Promise<void> {
  const { faults } = await catalogue()
  const formOf = (values: Readonly<Record<string, string>>): Catalogue['faults'][number] | undefined =>
    faults.find((each) => each.kind === values['fault']) ?? faults[0]
  openForm({
    title: 'Inject a fault',
    submit: 'Inject',
    danger: true,
    about: (values) => formOf(values)?.summary ?? '',
    fields: (values) => [
      {
        name: 'fault',
        label: 'Kind',
        type: 'choice',
        required: true,
        choices: faults.map(({ kind }) => [kind, kind]),
        onChange: nothing,
      },
      // Named by kind as well: what was typed for one kind means nothing for another.
      ...(formOf(values)?.fields ?? []).map((field): Field => ({
        ...field,
        name: `${formOf(values)?.kind ?? ''} ${field.name}`,
        label: field.name === 'for' ? 'for (at most 1h)' : field.name,
        choices: [
          ...(field.initial === '' ? [['', 'any'] as const] : []),
          ...field.choices.map((each) => [each, each] as const),
        ],
      })),
    ],
    send: async (values) => {
      const kind = values['fault'] ?? ''
      const fields = Object.entries(values).flatMap(([name, value]) => {
        const [, field] = name.split(' ')
        return field === undefined ? [] : [[field, value] as const]
      })
      const answer = await ask('POST', '/api/faults', { kind, ...Object.fromEntries(fields) })
      if ('done' in answer) return answer
      return {
        ...answer,
        problems: answer.problems.map((each) => ({
          ...each,
          field: each.field === 'kind' ? 'fault' : `${kind} ${each.field}`,
        })),
      }
    },
    onDone,
  })
}

export function openMove(state: DashboardState, kind: 'failover' | 'failback', onDone: (words: string) => void): void {
  const { home } = state.topology
  const others = Object.keys(state.regions).filter((region) => region !== state.epoch?.primary)
  const isAsync = state.topology.commit === 'async'
  openForm({
    title: kind === 'failback' ? `Fail back to region ${home.toUpperCase()}` : 'Fail over',
    submit: kind === 'failback' ? 'Fail back' : 'Fail over',
    danger: true,
    about: (values) =>
      kind === 'failback'
        ? 'A planned switchover home: no request fails; refused unless home is caught up.'
        : values['kind'] === 'switchover'
          ? 'Planned: writes are held for a moment and none fails; refused unless the region is caught up.'
          : 'Now, without waiting for the old primary.',
    fields: (values) => [
      ...(kind === 'failback'
        ? []
        : ([
            {
              name: 'kind',
              label: 'How',
              type: 'choice',
              required: true,
              choices: [
                ['failover', 'failover: now'],
                ['switchover', 'switchover: planned'],
              ],
              onChange: nothing,
            },
            {
              name: 'to',
              label: 'To',
              type: 'choice',
              required: true,
              choices: [
                ...others.map((region) => [region, `region ${region}`] as const),
                ...(values['kind'] === 'switchover' ? [] : [['', 'the best standby'] as const]),
              ],
              onChange: nothing,
            },
          ] satisfies readonly Field[])),
      ...(isAsync && kind === 'failover' && values['kind'] !== 'switchover'
        ? ([
            { name: 'acceptDataLoss', label: 'Accept the loss of acked writes above max-loss', type: 'yes-no' },
          ] satisfies readonly Field[])
        : []),
      {
        name: 'confirm',
        label: `Type ${confirmWords(kind === 'failback' ? home : (values['to'] ?? ''), state.world)} to confirm`,
        type: 'text',
        required: true,
      },
    ],
    send: (values) =>
      ask('POST', '/api/moves', {
        kind: kind === 'failback' ? 'failback' : values['kind'],
        ...(values['to'] === undefined ? {} : { to: values['to'] }),
        acceptDataLoss: values['acceptDataLoss'] === 'true',
        confirm: values['confirm'],
      }),
    onDone,
  })
}

function confirmWords(region: string, world: string): string {
  return region === '' ? `“${world}”` : `“region ${region}”`
}

export async function openDrill(onDone: (words: string) => void): Promise<void> {
  const { runbooks } = await catalogue()
  const chosen = (values: Readonly<Record<string, string>>): Catalogue['runbooks'][number] | undefined =>
    runbooks.find((each) => each.name === values['runbook']) ?? runbooks[0]
  openForm({
    title: 'Start a drill',
    submit: 'Start',
    about: (values) => aboutRunbook(chosen(values)),
    fields: (values) => {
      const runbook = chosen(values)
      return [
        {
          name: 'runbook',
          label: 'Runbook',
          type: 'choice',
          required: true,
          initial: 'region-loss',
          choices: runbooks.map(({ name, title }) => [name, `${name}: ${title}`]),
          onChange: nothing,
        },
        ...(runbook?.parameters ?? []).map((each): Field => ({
          name: `${runbook?.name ?? ''} ${each.name}`,
          label: each.name,
          type: each.choices.length > 0 ? 'choice' : 'text',
          hint: each.description,
          choices: each.choices.map((value) => [value, value]),
          initial: each.initial,
        })),
        {
          name: 'set',
          label: 'Other values (--set), one on a line',
          type: 'lines',
          hint: 'such as objectives.rto=10s or method[0].hold=5s',
        },
        ...((runbook?.otherTopology.length ?? 0) > 0
          ? ([
              {
                name: 'remakeWorld',
                label: 'Take this world down and make it anew with the topology of the runbook',
                type: 'yes-no',
              },
            ] satisfies readonly Field[])
          : []),
      ]
    },
    send: (values) => {
      const runbook = chosen(values)
      const parameters = (runbook?.parameters ?? []).flatMap(({ name, initial }) => {
        const value = values[`${runbook?.name ?? ''} ${name}`] ?? initial
        return value === initial ? [] : [`${name}=${value}`]
      })
      const set = (values['set'] ?? '').split('\n').map((line) => line.trim())
      return ask('POST', '/api/drills', {
        runbook: values['runbook'],
        set: [...parameters, ...set.filter((line) => line !== '')],
        remakeWorld: values['remakeWorld'] === 'true',
      })
    },
    onDone,
  })
}

function aboutRunbook(runbook: Catalogue['runbooks'][number] | undefined): string {
  if (runbook === undefined) return ''
  return [
    `${runbook.steps} steps${runbook.asksForApproval ? ', some of which ask for your approval here' : ''}.`,
    ...(runbook.otherTopology.length === 0
      ? []
      : [`This world was built otherwise: ${runbook.otherTopology.join('; ')}.`]),
  ].join(' ')
}
