"""Where the code of a project comes from: a folder, an archive, a git repository."""
