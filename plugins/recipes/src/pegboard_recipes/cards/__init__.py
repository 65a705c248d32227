"""What people are shown of a step: a page in one file, and the same facts for machines."""
