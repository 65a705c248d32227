/** What runs now, what there is, what happened. */
import { Bar } from '../../parts/bar'
import { Foot } from '../../parts/foot'
import { Empty } from '../../parts/states'

export default function Home() {
  return (
    <>
      <Bar place={<h1>pegboard</h1>} />
      <div class="scroll dots"><Empty title="No runs yet" /></div>
      <Foot />
    </>
  )
}
