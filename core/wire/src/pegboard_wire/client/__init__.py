"""The calling side: connections, options, retries, errors."""
