/** Sessions of the browser: begun with a name and password, ended by logging out. */
import { del, fetchRaw, unknown } from './api'
import { href } from './root'

/** Begin a session; Failure if the name or the password is wrong. */
export async function logIn(name: string, password: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${name}:${password}`)
  const pair = btoa(String.fromCharCode(...bytes))
  await fetchRaw('session', {}, { method: 'POST', headers: { Authorization: `Basic ${pair}` } })
  unknown.value = false
}

export async function logOut(): Promise<void> {
  await del('session')
  location.assign(href('/login'))
}
