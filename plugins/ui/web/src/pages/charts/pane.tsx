/** The charts of an experiment: beside the table, or in its place. */
import type { PaneProps } from '../../core/panes'
import { Chart } from '../../parts/chart/chart'
import './pane.css'

export default function Charts({ runs, turn }: PaneProps) {
  return (
    <div class="cells">
      {['acc', 'loss', 'f1', 'train/loss', 'train/grad_norm', 'train/lr'].map((key) => <Chart key={key} runs={runs} keys={[key]} turn={turn} />)}
    </div>
  )
}
