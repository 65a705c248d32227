/** Keys of clients: who has one, what it allows, what it took; make one, revoke one. */
import { useEffect, useState } from 'preact/hooks'
import { del, post } from '../../core/api'
import { copy } from '../../core/copy'
import { count, plural } from '../../core/format'
import { useKeys } from '../../core/keys'
import { useResource } from '../../core/resource'
import { href } from '../../core/root'
import { refuse, say } from '../../core/undo'
import { Ask } from '../../parts/ask'
import { Bar } from '../../parts/bar'
import { useRowCursor } from '../../parts/cursor'
import { Confirm, Dialog } from '../../parts/dialog'
import { Foot } from '../../parts/foot'
import { Failed } from '../../parts/states'
import { Age } from '../../parts/time'
import { type ClientKey, lacking, type Summary, usd } from './answers'
import { curlOf } from './setup'
import './page.css'

const DAY_MS = 86_400_000
const DAYS = 30
const POLL_MS = 5000
const ENDS: Record<string, number | null> = { never: null, 'in 7 days': 7, 'in 30 days': 30, 'in 90 days': 90, 'in a year': 365 }
const DOLLAR = 1e9

interface Used {
  groups: { key: string; calls: number; cost: number; unpriced: number }[]
}

interface Made {
  key: string
  info: ClientKey
}

const parts = (text = ''): string[] => text.split(/[\s,]+/).filter(Boolean)
const stateOf = (key: ClientKey): 'good' | 'revoked' | 'over' => (key.revoked_at ? 'revoked' : key.expires_at && key.expires_at <= Date.now() ? 'over' : 'good')

export default function Keys() {
  const found = useResource<{ keys: ClientKey[] }>('gateway/keys')
  const [since] = useState(() => Math.floor(Date.now() / DAY_MS - DAYS) * DAY_MS)
  const used = useResource<Used>('gateway/usage', { by: ['key'], since_ms: since, max_results: 1000 })
  const endpoints = useResource<Summary>('gateway/summary', { span: '24h' }).data?.endpoints ?? []
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) { found.reload(); used.reload() } }, POLL_MS)
    return () => clearInterval(timer)
  }, [])
  const [making, setMaking] = useState(false)
  const [made, setMade] = useState<Made>()
  const [over, setOver] = useState<ClientKey>()
  const keys = (found.data?.keys ?? []).toSorted((a, b) => Number(stateOf(a) !== 'good') - Number(stateOf(b) !== 'good'))
  const at = useRowCursor('Keys', keys.length, () => undefined)
  const current = keys[at]
  useKeys('Keys', {
    n: { does: 'New key', run: () => setMaking(true) },
    Backspace: current && stateOf(current) === 'good' ? { does: `Revoke ${current.name || current.id}`, run: () => setOver(current) } : { does: 'Revoke the key', run: () => undefined, needs: 'a key in use under the cursor (j)' },
  })
  const create = async (given: Record<string, string>) => {
    const days = ENDS[given.ends ?? 'never'] ?? null
    const list = (text = '') => text.split(',').map((each) => each.trim()).filter(Boolean)
    try {
      setMade(await post<Made>('gateway/keys', { name: given.name, user: given.user, endpoints: parts(given.endpoints), limits: list(given.limit), budgets: list(given.budget), ...(days && { expires_at: Date.now() + days * DAY_MS }) }))
      found.reload()
    } catch (error) {
      refuse('The key was not made', error)
    }
  }
  const revoke = async (key: ClientKey) => {
    try {
      await del(`gateway/keys/${encodeURIComponent(key.id)}`)
      say(`revoked ${key.name || key.id}: it lets nobody in any more`)
    } catch (error) {
      refuse(`${key.name || key.id} was not revoked`, error)
    }
    found.reload()
  }
  const good = keys.filter((key) => stateOf(key) === 'good').length
  return (
    <>
      <Bar place={<><a class="i3" href={href('/gateway')}>gateway</a><span class="sep">/</span><h1>keys</h1></>} right={<button class="btn flat" onClick={() => setMaking(true)}>new key<kbd>n</kbd></button>} />
      <div class="scroll dots">
        {found.error && <Failed what="The keys could not be read" error={found.error} retry={found.reload} />}
        {keys.length > 0 && <Table keys={keys} used={used.data} at={at} revoke={setOver} />}
        {found.data && !keys.length && (
          <div class="hole"><h2>No keys yet</h2><div class="then"><span class="s">As long as there is none, callers need no key of the gateway. With the first one, all of them need a key, or a user who may write. <button class="link" onClick={() => setMaking(true)}>Make the first</button></span></div></div>
        )}
      </div>
      <Foot>{found.data && <span>{plural(good, 'key')} in force, {count(keys.length - good)} over or revoked</span>}</Foot>
      {making && (
        <Ask
          title="New key" button="Make it" close={() => setMaking(false)} does={(given) => void create(given)}
          fields={[
            { name: 'name', label: 'Name' },
            { name: 'user', label: 'User, as records have it', required: false },
            { name: 'endpoints', label: 'For these endpoints; none: for all', required: false, placeholder: endpoints.slice(0, 3).map((each) => each.name).join(', ') || 'chat, embed-*' },
            { name: 'limit', label: 'Limits', required: false, placeholder: '100/minute, 20000 tokens/day' },
            { name: 'budget', label: 'Budget', required: false, placeholder: '10 USD/month' },
            { name: 'ends', label: 'Ends', value: 'never', options: Object.keys(ENDS) },
          ]}
        />
      )}
      {made && <Shown made={made} endpoint={endpoints.find((each) => each.chats)?.name ?? 'chat'} close={() => setMade(undefined)} />}
      {over && <Confirm title={`Revoke ${over.name || over.id}`} name={over.name || over.id} button="Revoke for ever" does={() => void revoke(over)} close={() => setOver(undefined)}>Whoever uses it is let in no more, within a second. It cannot be taken back; a new key can be made.</Confirm>}
    </>
  )
}

function Table({ keys, used, at, revoke }: { keys: readonly ClientKey[]; used?: Used; at: number; revoke: (key: ClientKey) => void }) {
  return (
    <table class="gw-keys">
      <caption class="sr">Keys of clients</caption>
      <colgroup><col class="name" /><col class="id" /><col class="user" /><col /><col class="rules" /><col class="n" /><col class="n" /><col class="n" /><col class="ends" /><col class="do" /></colgroup>
      <thead><tr><th>name</th><th>begins with</th><th>user</th><th>for</th><th>limits</th><th class="r">calls, {DAYS} d</th><th class="r">spent</th><th class="r">made</th><th>ends</th><th><span class="sr">revoke</span></th></tr></thead>
      <tbody>
        {keys.map((key, i) => {
          const state = stateOf(key)
          const sums = used?.groups.find((group) => group.key === key.id)
          return (
            <tr key={key.id} class={`${i === at ? 'at' : ''} ${state === 'good' ? '' : 'over'}`}>
              <td class="w5" title={key.name}>{key.name || '–'}</td>
              <td class="i3">pgk_{key.id}</td>
              <td class="i2" title={key.user}>{[key.user, key.team].filter(Boolean).join(', ') || '–'}</td>
              <td class="i2" title={key.endpoints.join(', ')}>{key.endpoints.join(', ') || 'all'}</td>
              <td class="i2" title={[...key.limits, ...key.budgets].join(', ')}>{[...key.limits, ...key.budgets].join(', ') || '–'}</td>
              <td class="r">{count(sums?.calls ?? 0)}</td>
              <td class="r">{usd((sums?.cost ?? 0) / DOLLAR)}{lacking(sums?.unpriced ?? 0)}</td>
              <td class="r i2" title={key.created_by && `by ${key.created_by}`}><Age at={key.created_at} /></td>
              <td class={state === 'good' ? 'i2' : 'i3'}>{state === 'revoked' ? <>revoked <Age at={key.revoked_at} /> ago</> : state === 'over' ? 'over' : key.expires_at ? new Date(key.expires_at).toISOString().slice(0, 10) : 'never'}</td>
              <td class="r">{state === 'good' && <button class="link" aria-label={`Revoke ${key.name || key.id}`} onClick={() => revoke(key)}>revoke</button>}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function Shown({ made, endpoint, close }: { made: Made; endpoint: string; close: () => void }) {
  const take = () => void copy(made.key, 'key copied')
  return (
    <Dialog label="The new key" close={close}>
      <div class="top"><h2>The key {made.info.name}</h2></div>
      <div class="in">
        <p>It is shown only now: only its hash is kept. Copy it before you close this.</p>
        <div class="gw-key"><code>{made.key}</code><button class="btn" autofocus onClick={take}>Copy</button></div>
        <pre class="gw-curl" tabIndex={0} role="region" aria-label="A call with it">{curlOf(endpoint, '$KEY')}</pre>
      </div>
      <div class="do"><button class="btn main" onClick={close}>I have it</button></div>
    </Dialog>
  )
}
