"""What a run records of its surroundings: code, environment, machine, datasets."""
