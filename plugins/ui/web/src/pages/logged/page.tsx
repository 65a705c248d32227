/** Models as runs logged them: all of some experiments, or one. */
import type { PageProps } from '../../core/router'
import { LoggedList } from './list'
import { LoggedPage } from './model'
import './page.css'

export default function LoggedModels({ params }: PageProps) {
  return params.id ? <LoggedPage key={params.id} id={params.id} /> : <LoggedList />
}
