// Forms inside dialogs: fields with labels, hints, and the server's word on what is wrong with each.
import type { FieldProblem } from '../model/offers.ts'
import type { Answer } from './ask.ts'
import { h, morph } from './dom.ts'

export interface Field {
  readonly name: string
  readonly label: string
  readonly type: 'text' | 'number' | 'choice' | 'yes-no' | 'lines'
  readonly required?: boolean
  readonly hint?: string
  /** Values and the words for them. */
  readonly choices?: readonly (readonly [value: string, words: string])[]
  readonly suggestions?: readonly string[]
  readonly initial?: string
  readonly onChange?: () => void
}

export interface FormDialog {
  readonly title: string
  readonly submit: string
  readonly danger?: boolean
  /** The fields as they are for the values so far; called again when a field with `onChange` changes. */
  readonly fields: (values: Readonly<Record<string, string>>) => readonly Field[]
  /** Words above the fields. */
  readonly about?: (values: Readonly<Record<string, string>>) => string
  readonly send: (values: Readonly<Record<string, string>>) => Promise<Answer>
  readonly onDone: (words: string) => void
}

let count = 0

/** Opens it; the browser keeps the focus inside, Esc closes it, and focus goes back to where it was. */
export function openForm(form: FormDialog): void {
  count += 1
  const prefix = `form-${count}`
  const values: Record<string, string> = {}
  const titleId = `${prefix}-title`
  const fields = h('div', { class: 'fields' })
  const about = h('p', { class: 'about' })
  const refusal = h('p', { class: 'refusal', role: 'alert' })
  const submit = h(
    'button',
    { type: 'submit', class: form.danger === true ? 'primary danger' : 'primary' },
    form.submit,
  )
  const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel')
  let problems: readonly FieldProblem[] = []
  let sending = false
  const draw = (): void => {
    about.textContent = form.about?.(values) ?? ''
    about.hidden = about.textContent === ''
    const wanted = form.fields(values)
    for (const field of wanted) values[field.name] ??= field.initial ?? field.choices?.[0]?.[0] ?? ''
    morph(
      fields,
      wanted.map((field) => fieldView(prefix, field, values, problems, draw)),
    )
    submit.textContent = sending ? 'working…' : form.submit
    submit.setAttribute('aria-disabled', String(sending))
  }
  const send = async (): Promise<void> => {
    if (sending) return
    sending = true
    draw()
    const shown = new Set(form.fields(values).map((field) => field.name))
    const answer = await form.send(Object.fromEntries(Object.entries(values).filter(([name]) => shown.has(name))))
    sending = false
    problems = 'done' in answer ? [] : answer.problems
    const elsewhere = problems.filter((each) => !shown.has(each.field)).map((each) => each.message)
    refusal.textContent = 'done' in answer ? '' : [answer.refused, ...elsewhere].join(': ')
    draw()
    if ('done' in answer) {
      dialog.close()
      form.onDone(answer.done)
    } else {
      fields.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
    }
  }
  const onsubmit = (event: Event): void => {
    event.preventDefault()
    void send()
  }
  const dialog = h(
    'dialog',
    { 'aria-labelledby': titleId, onclose: () => dialog.remove() },
    h(
      'form',
      { novalidate: true, autocomplete: 'off', onsubmit },
      h('h2', { id: titleId }, form.title),
      about,
      fields,
      refusal,
      h('div', { class: 'buttons' }, submit, cancel),
    ),
  ) as HTMLDialogElement
  draw()
  document.body.append(dialog)
  dialog.showModal()
  fields.querySelector<HTMLElement>('input, select, textarea')?.focus()
}

function fieldView(
  prefix: string,
  field: Field,
  values: Record<string, string>,
  problems: readonly FieldProblem[],
  redraw: () => void,
): Node {
  const id = `${prefix}-${field.name}`
  const problem = problems.find((each) => each.field === field.name)?.message
  const hint = field.hint ?? ''
  const described = [...(hint === '' ? [] : [`${id}-hint`]), ...(problem === undefined ? [] : [`${id}-problem`])]
  const common = {
    id,
    name: field.name,
    'aria-describedby': described.length === 0 ? null : described.join(' '),
    'aria-invalid': problem === undefined ? null : 'true',
    'aria-required': field.required === true ? 'true' : null,
  }
  const label = h(
    'label',
    { for: id },
    field.label,
    field.required === true ? null : h('span', { class: 'soft' }, ' optional'),
  )
  return h(
    'div',
    { 'data-key': field.name, class: `field ${field.type}` },
    field.type === 'yes-no' ? null : label,
    inputView(field, common, values, redraw),
    field.type === 'yes-no' ? h('label', { for: id }, field.label) : null,
    field.suggestions === undefined || field.suggestions.length === 0
      ? null
      : h('datalist', { id: `${id}-list` }, ...field.suggestions.map((value) => h('option', { value }))),
    hint === '' ? null : h('p', { id: `${id}-hint`, class: 'hint' }, hint),
    problem === undefined ? null : h('p', { id: `${id}-problem`, class: 'problem' }, problem),
  )
}

type Common = Readonly<Record<string, string | null>>

function inputView(field: Field, common: Common, values: Record<string, string>, redraw: () => void): Node {
  const keep = (value: string): void => {
    values[field.name] = value
    if (field.onChange === undefined) return
    field.onChange()
    redraw()
  }
  const onInput = (event: Event): void => keep((event.target as HTMLInputElement).value)
  const value = values[field.name] ?? ''
  if (field.type === 'choice')
    return h(
      'select',
      { ...common, onchange: onInput },
      ...(field.choices ?? []).map(([each, words]) => h('option', { value: each, selected: each === value }, words)),
    )
  if (field.type === 'yes-no')
    return h('input', {
      ...common,
      type: 'checkbox',
      checked: value === 'true',
      onchange: (event) => keep(String((event.target as HTMLInputElement).checked)),
    })
  if (field.type === 'lines') return h('textarea', { ...common, rows: 3, spellcheck: 'false', oninput: onInput }, value)
  const list = (field.suggestions ?? []).length > 0 ? `${common['id'] ?? ''}-list` : null
  return h('input', {
    ...common,
    type: 'text',
    inputmode: field.type === 'number' ? 'decimal' : null,
    spellcheck: 'false',
    value,
    list,
    oninput: onInput,
  })
}
