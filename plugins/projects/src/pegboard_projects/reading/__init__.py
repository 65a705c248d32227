"""What a project says about itself."""
