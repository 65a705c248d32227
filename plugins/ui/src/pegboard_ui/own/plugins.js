// The page of installed plugins: the smallest useful example of a plugin's page.
export default class Plugins extends HTMLElement {
  async connectedCallback() {
    const { api } = this.host
    const { features, server } = await api.get('ui/pages')
    const list = document.createElement('ul')
    for (const name of features) {
      const item = document.createElement('li')
      item.textContent = name
      list.append(item)
    }
    const head = document.createElement('h1')
    head.textContent = `${features.length} plugins, pegboard ${server.version}`
    this.append(head, list)
  }
}
