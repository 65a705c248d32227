document.body.textContent = 'pegboard'
