"""How many spans of a traced function another process finds."""

from __future__ import annotations

from common import answer, request, tracker


def main() -> None:
    """Count and print."""
    found = tracker(request()).search_traces(return_type="list")
    answer(spans=sum(span.name == "plain" for trace in found for span in trace.data.spans))


if __name__ == "__main__":
    main()
