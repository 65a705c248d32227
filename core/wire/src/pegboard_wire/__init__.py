"""MLflow's REST conventions, for servers and for clients."""
