"""The wire forms that clients speak, each translated from and to the standard form."""
