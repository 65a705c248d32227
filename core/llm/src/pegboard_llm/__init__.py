"""What a provider of language models is made of, and pegboard.llm for scripts."""
