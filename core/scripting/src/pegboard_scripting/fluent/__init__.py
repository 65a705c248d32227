"""Tracking without ids: functions that act on the active run, with MLflow's names."""
