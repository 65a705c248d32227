/** The end of a run's log; who reads at its end stays there while it grows. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { bytes } from '../../core/format'
import { href } from '../../core/root'
import { asSearch } from '../../core/router'
import { Failed, Nothing } from '../../parts/states'
import { LOG } from './record'
import { useTail } from './tail'

const NEAR = 24

export function Log({ run, live }: { run: string; live: boolean }) {
  const { text, before, error } = useTail(run, LOG, live)
  const here = useRef<HTMLPreElement>(null)
  const atEnd = useRef(true)
  useLayoutEffect(() => {
    const element = here.current
    if (element && atEnd.current) element.scrollTop = element.scrollHeight
  }, [text, error])
  if (error && error.status !== 404) return <Failed what="The log could not be read" error={error} still={text === undefined ? '' : 'It is asked for again while the run goes on.'} />
  if (text === undefined && !error) return null
  if (!text) return <div class="dots prj-none"><Nothing title="The log is empty">{live ? 'Nothing is printed yet; what comes is shown here.' : 'It printed nothing, or its log was not kept.'}</Nothing></div>
  return (
    <>
      {before > 0 && <p class="prj-before s i3">{bytes(before)} before this: <a class="link" href={href(`/runs/${run}`) + asSearch({ tab: 'artifacts', path: LOG })}>the whole log</a></p>}
      <pre ref={here} class="prj-log" tabIndex={0} role="region" aria-label="Log" onScroll={({ currentTarget: on }) => { atEnd.current = on.scrollHeight - on.scrollTop - on.clientHeight < NEAR }}>{text}</pre>
    </>
  )
}
