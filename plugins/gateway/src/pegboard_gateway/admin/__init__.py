"""Administration: endpoints, model definitions and secrets, changed while the gateway runs."""
