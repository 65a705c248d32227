"""What LlamaIndex runs, traced."""
