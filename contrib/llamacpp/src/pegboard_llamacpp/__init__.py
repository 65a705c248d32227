"""Language models in this process: GGUF files with llama.cpp."""
