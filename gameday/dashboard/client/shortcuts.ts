// Single keys for what is done often. They are silent while one types or a dialog is open, and can be switched off.
import { h } from './dom.ts'

export interface Shortcut {
  readonly key: string
  readonly words: string
  readonly run: () => void
}

const storageKey = 'firedrill-shortcuts'

export function areShortcutsOn(): boolean {
  return localStorage.getItem(storageKey) !== 'off'
}

export function listenForShortcuts(shortcuts: readonly Shortcut[]): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return
    if (event.target instanceof HTMLElement && event.target.matches('input, select, textarea')) return
    // Help is always there, also to switch the others on again.
    const shortcut = shortcuts.find((each) => each.key === event.key && (each.key === '?' || areShortcutsOn()))
    if (shortcut === undefined) return
    event.preventDefault()
    shortcut.run()
  })
}

export function openHelp(shortcuts: readonly Shortcut[]): void {
  const toggle = (event: Event): void =>
    localStorage.setItem(storageKey, (event.target as HTMLInputElement).checked ? 'on' : 'off')
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'help-title', onclose: () => dialog.remove() },
    h('h2', { id: 'help-title' }, 'Keys'),
    h(
      'dl',
      { class: 'keys' },
      ...shortcuts.map(({ key, words }) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, words))),
      h('div', {}, h('dt', {}, h('kbd', {}, 'Esc')), h('dd', {}, 'close a dialog')),
    ),
    h(
      'div',
      { class: 'field yes-no' },
      h('input', { type: 'checkbox', id: 'shortcuts-on', checked: areShortcutsOn(), onchange: toggle }),
      h('label', { for: 'shortcuts-on' }, 'Single keys act'),
    ),
    h('div', { class: 'buttons' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close')),
  ) as HTMLDialogElement
  document.body.append(dialog)
  dialog.showModal()
}
