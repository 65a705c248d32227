"""Random calls of MLflow's client, to MLflow's server and to ours, and what differs."""
