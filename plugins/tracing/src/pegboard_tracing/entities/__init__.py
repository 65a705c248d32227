"""What scripts read and make of traces, under MLflow's names."""
