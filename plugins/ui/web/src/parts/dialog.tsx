/** A dialog on the browser's own <dialog>: focus stays in it, Escape closes it. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useKeys } from '../core/keys'

export interface DialogProps {
  label: string
  close: () => void
  children: ComponentChildren
  className?: string
}

export function Dialog({ label, close, children, className = '' }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null)
  // The browser would close it a little later, and the next key were lost.
  useKeys(label, { Escape: { does: 'Close', run: close, always: true, quiet: true } }, true)
  // Before the next key is pressed: what is typed at once belongs into the dialog.
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null
    box.current?.showModal()
    return () => before?.focus?.()
  }, [])
  return (
    <dialog ref={box} class={className} aria-label={label} onClose={close} onClick={(event) => event.target === box.current && close()}>
      {children}
    </dialog>
  )
}

/** Asks before what cannot be taken back: the name has to be typed. */
export function Confirm({ title, name, button: label = 'Delete for ever', children, does, close }: { title: string; name: string; button?: string; children: ComponentChildren; does: () => void; close: () => void }) {
  const button = useRef<HTMLButtonElement>(null)
  return (
    <Dialog label={title} close={close}>
      <form onSubmit={(event) => { event.preventDefault(); if (!button.current?.disabled) { does(); close() } }}>
        <div class="top"><h2>{title}</h2></div>
        <div class="in">
          <p>{children}</p>
          <label class="lab">Type <span class="m">{name}</span> to confirm
            <input class="input" autocomplete="off" onInput={(event) => { button.current!.disabled = event.currentTarget.value !== name }} />
          </label>
        </div>
        <div class="do">
          <button type="button" class="btn" onClick={close}>Keep it</button>
          <button ref={button} class="btn danger" disabled>{label}</button>
        </div>
      </form>
    </Dialog>
  )
}
