"""MLflow's REST protocol: entities as JSON, and the endpoints that serve a tracking store."""
