export default class Hello extends HTMLElement {
  async connectedCallback() {
    const { api, events, navigate } = this.host
    const title = document.createElement('h1')
    const button = document.createElement('button')
    button.className = 'btn'
    button.textContent = 'Show them'
    button.onclick = () => navigate('/experiments/all')
    this.append(title, button)
    const count = async () => {
      const { experiments } = await api.get('ui/home')
      title.textContent = `${experiments.reduce((sum, each) => sum + each.runs, 0)} runs`
    }
    this.stop = events('all', count)
    await count()
  }

  disconnectedCallback() {
    this.stop()
  }
}
