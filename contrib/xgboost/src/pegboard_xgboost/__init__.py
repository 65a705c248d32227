"""XGBoost models in pegboard: saved, loaded and logged by themselves."""
