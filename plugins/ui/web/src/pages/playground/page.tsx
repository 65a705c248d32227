/** The playground: a prompt at the left, models of the gateway at the right. */
import { useRef } from 'preact/hooks'
import { useResource } from '../../core/resource'
import { about, href } from '../../core/root'
import { param } from '../../core/router'
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { promptQuery } from '../../parts/prompt/scope'
import type { ModelAnswer, Version } from '../../parts/registry/answers'
import { Failed, Nothing } from '../../parts/states'
import { useRegistry } from '../../core/events'
import { Bench, type Gateway } from './bench'
import './page.css'

export default function Playground() {
  const name = param('prompt')
  const wanted = param('version')
  const hasGateway = about.features.includes('gateway')
  const found = useResource<ModelAnswer>(name ? 'registry/model' : null, promptQuery(name))
  useRegistry(found.reload)
  const gateway = useResource<Gateway>(hasGateway ? 'gateway/summary' : null, { span: '1h' })
  const answer = found.data?.model.name === name ? found.data : undefined
  const listed = answer && [...answer.versions, ...answer.aliased].find((each) => (wanted ? each.version === wanted : true))
  const older = useResource<{ model_version: Version }>(answer && wanted && !listed ? '/api/2.0/mlflow/model-versions/get' : null, { name, version: wanted })
  const base = listed ?? (older.data?.model_version.version === wanted ? older.data.model_version : undefined)
  // What is saved goes on where it was: its answers stay.
  const saved = useRef({ at: '', room: '' })
  const at = `${name}/${base?.version ?? ''}`
  const isSaved = saved.current.at === `${name}/${wanted}`
  const room = isSaved ? saved.current.room : name ? at : 'new'
  // What was just saved stays as it is until the registry is read anew.
  const known = !name || isSaved || (answer && (base || !answer.versions.length))
  const error = found.error ?? (answer && !listed ? older.error : undefined)
  if (known && (gateway.data || gateway.error || !hasGateway))
    return <Bench key={room} name={name} base={base} answer={answer} gateway={gateway.data} trouble={gateway.error} again={gateway.reload} found={found} stay={(made) => { saved.current = { at: made, room } }} />
  return (
    <>
      <Bar place={<><a class="i3" href={href('/prompts')}>prompts</a><span class="sep">/</span><h1>{name || 'playground'}</h1></>} />
      <div class="scroll dots">
        {error && (error.status === 404 ? <Nothing title="There is no such prompt">{error.message} <a class="link" href={href('/prompts')}>All prompts</a></Nothing> : <Failed what="The prompt could not be read" error={error} retry={() => { found.reload(); older.reload() }} />)}
      </div>
      <Foot />
    </>
  )
}
