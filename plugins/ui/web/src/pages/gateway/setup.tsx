/** How to configure an endpoint, and how to ask it. */
import { copy } from '../../core/copy'
import { useKeys } from '../../core/keys'
import { address } from '../../core/root'

const TABLE = '[[gateway.endpoints]]\nname = "chat"\nprovider = "openai"\nmodel = "gpt-4o-mini"\napi_key = { env = "OPENAI_API_KEY" }'

export const curlOf = (endpoint: string, key = ''): string =>
  `curl ${address()}/v1/chat/completions \\\n  -H 'Content-Type: application/json' \\\n${key && `  -H 'Authorization: Bearer ${key}' \\\n`}  -d '{"model": "${endpoint}", "messages": [{"role": "user", "content": "Hello!"}]}'`

/** `endpoint`: one that is there; without it, how to make one. */
export function Setup({ endpoint, embedded = false }: { endpoint?: string; embedded?: boolean }) {
  const curl = curlOf(endpoint ?? 'chat')
  const taken = endpoint && !embedded ? curl : TABLE
  const take = (text: string) => void copy(text, 'code copied')
  useKeys('How to begin', { y: { does: 'Copy the code', run: () => take(taken) } })
  return (
    <div class="hole gw-setup">
      <h2>{endpoint ? 'No calls yet' : 'No endpoints yet'}</h2>
      {(!endpoint || embedded) && (
        <>
          <div class="then"><span class="s">{embedded ? 'Nothing is configured, so a small model in this process answers. ' : ''}An endpoint is a name for a model. Say it in <span class="m">pegboard.toml</span>, where the server was started:</span></div>
          <div class="code" tabIndex={0} role="region" aria-label="An endpoint in pegboard.toml"><button class="btn flat" onClick={() => take(TABLE)}>copy<kbd>y</kbd></button>{TABLE}</div>
        </>
      )}
      <div class="then"><span class="s">{endpoint ? 'Ask it, or use the client of OpenAI, Anthropic, Gemini or MLflow' : 'It is there within a second. Then ask it'}:</span></div>
      <div class="code" tabIndex={0} role="region" aria-label="A first call"><button class="btn flat" onClick={() => take(curl)}>copy{endpoint && !embedded && <kbd>y</kbd>}</button>{curl}</div>
      <div class="then"><span class="s">This page fills by itself. Keys for clients: <span class="m">pegboard gateway keys create</span>.</span></div>
    </div>
  )
}
