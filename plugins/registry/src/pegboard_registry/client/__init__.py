"""The registry of a server, MLflow's or ours."""
