"""Language models from scripts: ``pegboard.llm``."""
