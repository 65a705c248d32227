"""The command line of pegboard."""


def main() -> None:
    """Run the command line."""
