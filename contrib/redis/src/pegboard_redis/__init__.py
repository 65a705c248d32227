"""Counters of the LLM gateway in Redis, shared by several machines."""
