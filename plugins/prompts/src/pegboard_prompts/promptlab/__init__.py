"""The prompts of MLflow 2.x: runs made in "Prompt Engineering", and the models that they hold."""
