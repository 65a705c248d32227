/** Who looks: a name and password, or a token, become a session of the browser. */
import { useState } from 'preact/hooks'
import { Failure } from '../../core/api'
import { logIn } from '../../core/session'
import { param } from '../../core/router'
import { href } from '../../core/root'
import './page.css'

export default function Login() {
  const [error, setError] = useState<Failure>()
  const [busy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const given = new FormData(event.currentTarget as HTMLFormElement)
    setBusy(true)
    try {
      await logIn(String(given.get('name')), String(given.get('password')))
      // Loaded anew, since the page is another one for whom it knows. Always below our own root.
      location.assign(href(param('to') || '/'))
    } catch (found) {
      setError(found as Failure)
      setBusy(false)
    }
  }
  return (
    <div class="scroll dots login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>Log in</h1>
        <label class="lab">Name<input class="input" name="name" autocomplete="username" autofocus autocapitalize="off" spellcheck={false} /></label>
        <label class="lab">Password, or a token<input class="input" name="password" type="password" autocomplete="current-password" required /></label>
        <p class="bad s" role="alert">{error?.message}</p>
        <button class="btn main" disabled={busy}>Log in<kbd>enter</kbd></button>
      </form>
    </div>
  )
}
