"""The model registry over HTTP: MLflow's endpoints, and a few of its own."""
