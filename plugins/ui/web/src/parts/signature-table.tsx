/** What a model takes and gives, as a table. */
import { PARTS, type Signature } from './signature'

export function SignatureTable({ signature }: { signature: Signature }) {
  return (
    <div class="sig">
      {PARTS.filter((part) => signature[part].length > 0).map((part) => (
        <table key={part} aria-label={part}>
          <thead><tr><th colSpan={2}>{part}{signature[part].length > 1 && ` ${signature[part].length}`}</th></tr></thead>
          <tbody>{signature[part].map((each) => <tr key={each.name}><td title={each.name}>{each.name}</td><td class="r i2" title={each.type}>{each.type}{!each.required && <span class="i3">, optional</span>}</td></tr>)}</tbody>
        </table>
      ))}
    </div>
  )
}
