/** Parts that are loaded when they are first shown. */
import type { ComponentType } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'
import { Failure } from '../core/api'
import { useKeys } from '../core/keys'
import { Failed } from './states'

/**
 * A component that loads another one, and shows nothing until it is there. While a dialog is waited
 * for, the page takes no keys: what is typed already is meant for it.
 */
export function lazily<P extends object>(what: string, load: () => Promise<{ default: ComponentType<P> }>, isDialog = false): ComponentType<P> {
  let found: ComponentType<P> | undefined
  return function Lazy(props: P) {
    const [, renew] = useState(0)
    const [error, setError] = useState<Error>()
    const get = () => {
      setError(undefined)
      load().then(
        (module) => {
          found = module.default
          renew((n) => n + 1)
        },
        (broken: Error) => setError(broken),
      )
    }
    useLayoutEffect(() => {
      if (!found) get()
    }, [])
    if (isDialog && !found && !error) return <Held what={what} />
    if (error) return <Failed what={`${what} could not be loaded`} error={new Failure(-1, 'PAGE', error.message)} retry={get} />
    const Found = found
    return Found ? <Found {...props} /> : null
  }
}

function Held({ what }: { what: string }) {
  useKeys(what, {}, true)
  return null
}
