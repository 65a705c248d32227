"""The model registry: versions, aliases, stages, approvals and lineage."""
