/** What ran: the commit and what was changed since, the command, the packages. */
import type { ComponentChildren } from 'preact'
import { copy } from '../../core/copy'
import { bytes } from '../../core/format'
import { useKeys } from '../../core/keys'
import { Code as Text } from '../../parts/artifact/code'
import { Diff } from '../../parts/artifact/diff'
import { MOST, useHead } from '../../parts/artifact/source'
import { Failed, Nothing } from '../../parts/states'
import { codeOf, commitLink, type Overview } from './data'
import { machineOf } from './aside'
import { useEnvironment } from './use'
import '../../parts/artifact/artifact.css'

const PATCH = 'environment/uncommitted.patch'

export default function Code({ run }: { run: Overview }) {
  const code = codeOf(run.tags)
  const environment = useEnvironment(run)
  const hasFiles = run.artifacts.files.some((file) => file.is_dir && file.path === 'environment')
  const link = commitLink(code.remote, code.commit)
  useKeys('Code', {
    y: code.commit ? { does: 'Copy the commands that check this code out', run: () => void copy(checkout(run), 'commands copied') } : undefined,
  })
  if (!code.commit && !code.entry && !code.command && !hasFiles) {
    return <div class="dots fillup"><Nothing title="Nothing is known of the code">Runs that start in a git repository note the commit, what was changed since, and the packages.</Nothing></div>
  }
  return (
    <div class="run-code-tab scroll">
      <dl class="run-facts">
        {code.commit && <Fact name="commit">{link ? <a class="link" href={link} target="_blank" rel="noreferrer">{code.commit}</a> : code.commit}{code.dirty ? <span class="warn"> with changes that were not committed</span> : <span class="i3"> as committed</span>}</Fact>}
        {code.branch && <Fact name="branch">{code.branch}</Fact>}
        {code.remote && <Fact name="remote">{code.remote}</Fact>}
        {code.entry && <Fact name={code.type === 'NOTEBOOK' ? 'notebook' : 'entry point'}>{code.entry}</Fact>}
        {code.command && <Fact name="command">{code.command}</Fact>}
        {environment?.python && <Fact name="python">{environment.python.implementation} {environment.python.version}<span class="i3"> {environment.python.executable}</span></Fact>}
        {environment && <Fact name="machine">{machineOf(environment)}<span class="i3"> {[environment.platform?.system, environment.platform?.release, environment.platform?.machine].filter(Boolean).join(' ')}</span></Fact>}
        {code.commit && <Fact name="again"><button class="btn flat" onClick={() => void copy(checkout(run), 'commands copied')}>copy the commands that check this out<kbd>y</kbd></button></Fact>}
      </dl>
      {hasFiles && <Files run={run} dirty={code.dirty} />}
    </div>
  )
}

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => <><dt>{name}</dt><dd class="m">{children}</dd></>

/** What one types to have the code as it ran. */
export function checkout(run: Overview): string {
  const code = codeOf(run.tags)
  const name = code.remote.replace(/\.git\/?$/, '').split(/[/:]/).at(-1) || 'repository'
  const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`
  return [code.remote && `git clone ${quoted(code.remote)} ${quoted(name)} && cd ${quoted(name)}`, `git checkout ${code.commit}`, code.dirty && `# then apply ${PATCH} of run ${run.info.run_id}: git apply uncommitted.patch`].filter(Boolean).join('\n')
}

function Files({ run, dirty }: { run: Overview; dirty: boolean }) {
  const owner = { run: run.info.run_id }
  const patch = useHead(owner, dirty ? PATCH : 'environment/requirements.txt', MOST)
  const packages = useHead(owner, 'environment/requirements.txt', MOST)
  const text = new TextDecoder()
  return (
    <>
      {dirty && (
        <section>
          <h2>Not committed</h2>
          {patch.error ? (patch.error.status === 404 ? <p class="s i3">The changes were not kept with the run.</p> : <Failed what="The changes could not be read" error={patch.error} retry={patch.reload} />) : patch.head && <Diff text={text.decode(patch.head.bytes)} />}
        </section>
      )}
      {packages.head && (
        <section>
          <h2>Packages <span class="m i3">environment/requirements.txt{packages.head.size ? `, ${bytes(packages.head.size)}` : ''}</span></h2>
          <Text text={text.decode(packages.head.bytes)} label="Packages" numbers={false} />
        </section>
      )}
    </>
  )
}
