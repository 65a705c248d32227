/** The registry: all models, one model, one version. */
import type { PageProps } from '../../core/router'
import { Models } from './list'
import { ModelPage } from './model'
import { VersionPage } from './version'
import './page.css'

export default function Registry({ params }: PageProps) {
  const { name, version } = params
  if (name && version) return <VersionPage key={`${name}/${version}`} name={name} version={version} />
  return name ? <ModelPage key={name} name={name} /> : <Models />
}
