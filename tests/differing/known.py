"""Where our server differs from MLflow's on purpose, and why."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from differing.compare import Difference, Outcome, is_http, without_nothing

Step = dict[str, Any]


class Known(NamedTuple):
    """A difference that is meant."""

    why: str
    holds: Callable[[Difference, list[Step]], bool]
    lasting: bool = False
    """Whether the servers hold different things from then on."""


def _code(outcome: dict[str, Any]) -> str | None:
    if is_http(outcome):
        return outcome["ok"].get("error_code")
    return outcome["error"][1] if "error" in outcome else None


def _fails(outcome: dict[str, Any]) -> bool:
    if is_http(outcome):
        return outcome["ok"]["status"] >= 500
    return _code(outcome) == "INTERNAL_ERROR" or " 500 " in outcome.get("message", "")


def _infinite(value: Any) -> Any:
    """Return an answer with the largest floats, as MLflow keeps infinities."""
    if isinstance(value, dict):
        return {key: _infinite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_infinite(each) for each in value]
    return (
        {
            "inf": _LARGEST,
            "-inf": f"-{_LARGEST}",
            "Infinity": _LARGEST,
            "-Infinity": f"-{_LARGEST}",
        }.get(value, value)
        if isinstance(value, str)
        else value
    )


_LARGEST = repr(sys.float_info.max)


def _unknown_route(d: Difference, _: list[Step]) -> bool:
    both = [each["ok"] for each in (d.theirs, d.ours) if is_http(each)]
    return (
        len(both) == 2
        and {each["status"] for each in both} <= {404, 405}
        and not both[0]["error_code"]
    )


def _two_faults(d: Difference, _: list[Step]) -> bool:
    codes = {_code(d.theirs), _code(d.ours)}
    return codes == {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def _calls(*names: str) -> Callable[[Difference, list[Step]], bool]:
    return lambda d, _: d.step["call"] in names


def _codes(theirs: str | None, ours: str | None) -> Callable[[Difference, list[Step]], bool]:
    return lambda d, _: (_code(d.theirs), _code(d.ours)) == (theirs, ours)


def _said(theirs: str) -> Callable[[Difference, list[Step]], bool]:
    return lambda d, _: re.search(theirs, d.theirs.get("message", "")) is not None


def _all(
    *rules: Callable[[Difference, list[Step]], bool],
) -> Callable[[Difference, list[Step]], bool]:
    return lambda d, steps: all(rule(d, steps) for rule in rules)


def _files(outcome: dict[str, Any]) -> list[Any] | None:
    found = outcome.get("ok")
    return (
        None if found is None else [(path, size or 0) for path, is_dir, size in found if not is_dir]
    )


def _alike(d: Difference, _: list[Step]) -> bool:
    return _without_ends(_infinite(d.theirs)) == _without_ends(_infinite(d.ours))


def _without_ends(value: Any) -> Any:
    """Return an answer without the ends of runs that go on."""
    if isinstance(value, dict):
        goes_on = value.get("status") == "RUNNING"
        kept = {k: _without_ends(v) for k, v in value.items() if not (goes_on and k == "end_time")}
        return without_nothing(kept)
    return [_without_ends(each) for each in value] if isinstance(value, list) else value


def _without_aliases(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_aliases(each) for key, each in value.items() if key != "aliases"}
    return [_without_aliases(each) for each in value] if isinstance(value, list) else value


def _without_models(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_models(each) for key, each in value.items()}
        return without_nothing({k: v for k, v in kept.items() if not k.startswith("model_")})
    return [_without_models(each) for each in value] if isinstance(value, list) else value


def _numbered(d: Difference, steps: list[Step]) -> bool:
    called = {step["call"] for step in steps[: d.number + 1]}
    return (
        bool(
            called & {"delete_model_version", "delete_registered_model", "rename_registered_model"}
        )
        and (d.step["call"] in ("create_model_version", "copy_model_version"))
        and _code(d.theirs) == _code(d.ours)
    )


def _fewer(more: Outcome, less: Outcome) -> bool:
    """Return whether one search found only some of what the other one found."""
    if "ok" not in more or "ok" not in less:
        return False
    both = [[item for page in each["ok"] for item in _items(page)] for each in (more, less)]
    return all(item in both[0] for item in both[1])


def _items(page: Any) -> list[Any]:
    return page["items"] if isinstance(page, dict) else page


KNOWN: list[Known] = [
    Known("MLflow's server fails", lambda d, _: _fails(d.theirs) and not _fails(d.ours), True),
    Known("infinities are kept, and a run that goes on has no end", _alike),
    Known("an address that is not known has an error of the protocol", _unknown_route),
    Known(
        "a name that is taken is said to be",
        _all(_codes("BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"), _calls("rename_experiment")),
    ),
    Known(
        "a status that there is not is an error",
        lambda d, _: (
            str(d.step["with"].get("path")).endswith("runs/update")
            and str(d.step["with"]["json_body"].get("status")) in ("NO", "finished")
            and _code(d.ours) == "INVALID_PARAMETER_VALUE"
        ),
        True,
    ),
    Known(
        "operators may be written small",
        _all(
            _said("comparator.* '?(like|ilike|in|is)\\b"),
            _codes("INVALID_PARAMETER_VALUE", None),
        ),
    ),
    Known(
        "the history of an unknown run is an error",
        lambda d, _: (
            (
                d.step["call"] == "get_metric_history"
                or "get-history" in str(d.step["with"].get("path"))
            )
            and (_code(d.theirs), _code(d.ours)) == (None, "RESOURCE_DOES_NOT_EXIST")
        ),
    ),
    Known("of two faults the other one is told", _two_faults, True),
    Known(
        "an unknown model or trace is said to be unknown",
        _all(
            _said("FOREIGN KEY constraint failed"), _codes("BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST")
        ),
    ),
    Known(
        "a deleted model is not there any more",
        lambda d, steps: (
            _code(d.ours) == "RESOURCE_DOES_NOT_EXIST"
            and _code(d.theirs) is None
            and any(step["call"] == "delete_logged_model" for step in steps[: d.number])
            and "logged model" in d.ours["message"]
        ),
        True,
    ),
    Known(
        "params may be logged again as they are",
        _all(_said("UNIQUE constraint failed: logged_model_params"), _calls("log_model_params")),
        True,
    ),
    Known(
        "a trace needs an active experiment",
        lambda d, steps: (
            any(step["call"] == "delete_experiment" for step in steps[: d.number])
            and "trace" in d.step["call"]
            and _code(d.theirs) is None
            and _code(d.ours) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
        ),
        True,
    ),
    Known(
        "texts in filters are quoted",
        lambda d, _: (
            d.step["call"] == "search_logged_models"
            and "Expected a quoted text" in d.ours.get("message", "")
        ),
    ),
    Known(
        "filters may have OR, parentheses and IS NULL",
        lambda d, _: (
            any(
                more in str(d.step["with"].get("filter_string"))
                for more in (" OR ", "(params.a = 'x')", " IS NULL", " IS NOT NULL")
            )
            and _codes("INVALID_PARAMETER_VALUE", None)(d, [])
        ),
    ),
    Known(
        "params are compared as numbers too",
        _all(
            _said("params.a. '>'|Expected a quoted string|params.a: '>'"),
            _codes("INVALID_PARAMETER_VALUE", None),
        ),
    ),
    Known(
        "a key may hold '/'",
        _all(
            _calls("delete_logged_model_tag"), lambda d, _: _code(d.theirs) == "ENDPOINT_NOT_FOUND"
        ),
        True,
    ),
    Known(
        "unknown models are not linked",
        lambda d, _: (
            d.step["call"] in ("log_inputs", "log_outputs")
            and "no logged model" in d.ours.get("message", "")
        ),
        True,
    ),
    Known(
        "a point of a model may be logged again",
        _said("UNIQUE constraint failed: logged_model_metrics"),
        True,
    ),
    Known(
        "what is not there cannot be deleted",
        _all(_calls("delete_assessment"), _codes(None, "RESOURCE_DOES_NOT_EXIST")),
    ),
    Known(
        "a search of no place finds nothing",
        _all(_calls("search_traces"), _said("required parameter 'locations'")),
    ),
    Known(
        "a full last page is known to be the last",
        _all(
            _calls("search_traces"), lambda d, _: d.theirs.get("ok", [0])[:-1] == d.ours.get("ok")
        ),
    ),
    Known(
        "searches of versions tell aliases",
        lambda d, _: (
            d.step["call"] in ("search_model_versions", "search_registered_models")
            and _without_aliases(d.theirs) == _without_aliases(d.ours)
        ),
    ),
    Known(
        "there are more fields to search and order by",
        _all(
            _said("Invalid (order by|attribute) key '(creation_|last_updated_|trace_id)"),
            _codes("INVALID_PARAMETER_VALUE", None),
        ),
    ),
    Known("numbers of versions are not given again", _numbered, True),
    Known(
        "what is missing is not unequal",
        lambda d, _: (
            " != " in str(d.step["with"].get("filter_string")) and _fewer(d.theirs, d.ours)
        ),
    ),
    Known(
        "ILIKE is the same everywhere",
        lambda d, _: (
            "ILIKE" in str(d.step["with"].get("filter_string"))
            and d.step["call"] == "search_logged_models"
            and _fewer(d.ours, d.theirs)
        ),
    ),
    Known(
        "runs that are found tell the models they used and made",
        lambda d, _: (
            (
                d.step["call"] == "search_runs"
                or str(d.step["with"].get("path")).endswith("runs/search")
            )
            and _without_models(d.theirs) == _without_models(d.ours)
        ),
    ),
    Known(
        "lists of texts are no texts",
        _all(
            _calls("search_model_versions", "search_runs", "search_logged_models"),
            _said("type 'tuple' is not supported"),
        ),
    ),
    Known(
        "a page has a size",
        lambda d, _: (
            d.step["with"].get("max_results") in (0, -1, 50_001, 10**6)
            and "max_results" in d.ours.get("message", "")
        ),
    ),
    Known(
        "an order that names a field twice is an error",
        lambda d, _: "are ordered by this already" in d.ours.get("message", ""),
    ),
    Known(
        "a model may be said to be made twice",
        _all(_calls("log_outputs"), _said("UNIQUE constraint failed: inputs")),
        True,
    ),
    Known(
        "a directory goes with its last file, and empty files have a size",
        lambda d, _: d.step["call"] == "list_artifacts" and _files(d.theirs) == _files(d.ours),
    ),
    Known(
        "backslashes in the paths of artifacts are refused",
        lambda d, _: "backslash" in d.ours.get("message", ""),
        True,
    ),
]


def expected(found: Difference, steps: list[Step]) -> Known | None:
    """Return why two outcomes may differ, None if they may not."""
    return next((known for known in KNOWN if known.holds(found, steps)), None)
