"""What holds of traces in every store: checks, outlines, usage and figures. No store is here."""
