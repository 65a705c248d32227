"""Chains and graphs of LangChain and LangGraph, traced."""
