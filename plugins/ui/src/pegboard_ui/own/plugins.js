// The page of installed plugins: what works here, and what each of them offers.
const cell = (text, name = '', tag = 'td') => {
  const made = document.createElement(tag)
  made.textContent = text
  made.className = name
  return made
}

export default class Plugins extends HTMLElement {
  async connectedCallback() {
    const { plugins } = await this.host.api.get('ui/plugins')
    const table = document.createElement('table')
    const head = table.createTHead().insertRow()
    for (const [title, width] of [['plugin', '160px'], ['distribution', '220px'], ['version', '96px'], ['state', '96px'], ['offers', '']]) {
      const made = cell(title, '', 'th')
      made.style.width = width
      head.append(made)
    }
    const body = table.createTBody()
    for (const plugin of plugins) {
      const row = body.insertRow()
      const offers = plugin.offers.map((each) => each.name).join(', ')
      const last = cell(offers || 'acts on runs, or serves', offers ? 'i2' : 's i3')
      last.title = plugin.offers.map((each) => `${each.kind} ${each.name}: ${each.summary}`).join('\n')
      row.append(
        cell(plugin.name, 'w5'),
        cell(plugin.distribution, 'i2'),
        cell(plugin.version, 'i2'),
        cell(plugin.state, plugin.state === 'failed' ? 'bad' : 'i2'),
        last,
      )
    }
    // A table reaches the edges; its cells have the room.
    this.style.display = 'block'
    this.style.margin = '-16px'
    this.append(table)
  }
}
