"""What MLflow's clients look for in the texts of errors: requests with a fault, and the words."""
