"""The configuration of a recipe: its file with a profile merged over it, checked before it runs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import field, frozen
from pegboard.errors import InvalidValue, NotFound, PegboardError, quoted

from pegboard_recipes import documents, keys, measures
from pegboard_recipes.documents import Document, Place
from pegboard_recipes.keys import Check
from pegboard_recipes.measures import Measure

RECIPE_FILE = "recipe.yaml"
PROFILES = "profiles"


@frozen(eq=False)
class Configuration:
    """What a recipe says, with the profile merged over it."""

    root: Path
    profile: str
    values: Mapping[str, Any]
    documents: Sequence[Document]
    """The profile, if there is one, and the recipe: what stands first takes precedence."""
    directory: Path = field(factory=Path.cwd)
    """Where the user was: paths that the recipe does not name are relative to it."""

    @property
    def recipe(self) -> str:
        """Its kind: ``regression/v1``."""
        return str(self.values["recipe"])

    @property
    def task(self) -> str:
        """What it learns: ``regression``, ``classification/binary``, or ``…/multiclass``."""
        kind = self.recipe.partition("/")[0]
        if kind != "classification":
            return kind
        return measures.BINARY if self.positive_class is not None else measures.MULTICLASS

    @property
    def is_learned(self) -> bool:
        """Whether it is a regression or a classification, whose keys are known here."""
        return self.recipe in ("regression/v1", "classification/v1")

    @property
    def is_classification(self) -> bool:
        """Whether classes are predicted."""
        return self.task.startswith("classification")

    @property
    def target(self) -> str:
        """The column to predict."""
        return str(self.values["target_col"])

    @property
    def positive_class(self) -> Any:
        """Of two classes, the one to find; None if there are more."""
        return self.values.get("positive_class")

    @property
    def primary(self) -> Measure:
        """The metric that models are compared by."""
        name = self.values.get("primary_metric") or measures.PRIMARY[self.task]
        return self.measures()[measures.SHORT.get(name, name)]

    def step(self, name: str) -> dict[str, Any]:
        """Return a copy of what is said of a step."""
        return copy.deepcopy((self.values.get("steps") or {}).get(name) or {})

    def section(self, name: str) -> dict[str, Any]:
        """Return a copy of a mapping at the top."""
        return copy.deepcopy(self.values.get(name) or {})

    def measures(self) -> Mapping[str, Measure]:
        """Return the metrics that there are, by name; those of the user take precedence."""
        own = {
            each["name"]: Measure(each["name"], each["greater_is_better"], each["function"])
            for each in self.values.get("custom_metrics") or ()
        }
        return {**measures.BUILT_IN[self.task], **own}

    def path(self, text: str) -> Path:
        """Return a path that is relative to the root."""
        return self.root / Path(text).expanduser()

    def wrong(self, place: Place, what: str, hint: str = "") -> InvalidValue:
        """Return the error for a value, with its file and line."""
        for document in self.documents:
            for length in range(len(place), 0, -1):
                if place[:length] in document.lines:
                    where = f"{document.file}, line {document.lines[place[:length]]}"
                    return InvalidValue(f"{where}: {what}", hint=hint)
        return InvalidValue(f"{self.documents[-1].file}: {what}", hint=hint)


def find_root(directory: Path) -> Path:
    """Return the directory of the recipe that a directory is in; NotFound if there is none."""
    for place in (directory, *directory.parents):
        if (place / RECIPE_FILE).is_file():
            return place.resolve()
    raise NotFound(
        f"There is no {RECIPE_FILE} in {directory}, nor in a directory above it.",
        hint="To begin one: pegboard recipes new --template regression DIRECTORY",
    )


def profiles_of(root: Path) -> list[str]:
    """Return the names of the profiles that a recipe has."""
    return sorted(file.stem for file in (root / PROFILES).glob("*.yaml"))


def read(root: Path, profile: str) -> Configuration:
    """Return the configuration of a recipe; InvalidValue names file, line and key at fault."""
    given = _profile(root, profile) if profile else None
    context = {} if given is None else given.values
    recipe = documents.read(root / RECIPE_FILE, context, root)
    found = [recipe] if given is None else [given, recipe]
    made = Configuration(root, profile, _merged(recipe.values, context), found)
    if not made.values.get("recipe"):
        raise made.wrong(("recipe",), "'recipe' is missing.")
    _check_keys(made, recipe, given)
    _check_values(made)
    return made


def _profile(root: Path, profile: str) -> Document:
    if profile.startswith(".") or set(profile) & set("/\\:"):
        raise InvalidValue(
            f"{quoted(profile)} is not the name of a profile.",
            hint=f"It is that of a file in {root / PROFILES}, without '.yaml'.",
        )
    file = root / PROFILES / f"{profile}.yaml"
    if not file.is_file():
        known = ", ".join(profiles_of(root)) or "none"
        raise NotFound(f"There is no profile {profile!r}: {file}.", hint=f"There are: {known}.")
    return documents.read(file, {}, root)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; where both have a key, mappings are merged and else ``above`` holds."""
    found = dict(below)
    for key, value in above.items():
        known = found.get(key)
        both = isinstance(value, Mapping) and isinstance(known, Mapping)
        found[key] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return found


# -- checks --------------------------------------------------------------------------------------


def _check_keys(made: Configuration, recipe: Document, given: Document | None) -> None:
    for key in recipe.values if made.is_learned else ():
        if key not in keys.TOP:
            raise _unknown(made, (str(key),), keys.TOP)
    for key in {} if given is None else given.values:
        near = get_close_matches(str(key), keys.TOP, 1, 0.8)
        # A profile may define anything that the recipe uses.
        if key not in keys.TOP and key not in recipe.names and near:
            raise _unknown(made, (str(key),), keys.TOP)
    for place, table in _tables(made):
        _check_table(made, place, table)


def _tables(made: Configuration) -> Iterator[tuple[Place, Mapping[str, Check]]]:
    """Yield which keys there are where, outer mappings first."""
    yield (), keys.TOP
    yield ("experiment",), keys.EXPERIMENT
    yield ("model_registry",), keys.REGISTRY
    if isinstance(made.values.get("runner"), Mapping):
        yield ("runner",), keys.RUNNER
    if not made.is_learned:
        return
    yield ("steps",), dict.fromkeys(keys.STEPS, keys.mapping)
    for name, table in keys.STEPS.items():
        yield ("steps", name), table
    yield ("steps", "train", "tuning"), keys.TUNING
    yield ("steps", "predict", "output"), keys.OUTPUT
    for number in range(len(made.values.get("custom_metrics") or ())):
        yield ("custom_metrics", str(number)), keys.METRIC
    for number in range(len(made.step("evaluate").get("validation_criteria") or ())):
        yield ("steps", "evaluate", "validation_criteria", str(number)), keys.CRITERION


def _check_table(made: Configuration, place: Place, table: Mapping[str, Check]) -> None:
    found: Any = made.values
    for key in place:
        if found is None:
            return
        found = found[int(key)] if isinstance(found, list) else found.get(key)
    if found is None:
        return
    if not isinstance(found, Mapping):
        raise made.wrong(place, f"{_dotted(place)} is not a mapping of keys to values.")
    for key, value in found.items():
        here = (*place, str(key))
        if key not in table:
            if not place:
                continue  # Of the profile, for the recipe to use.
            raise _unknown(made, here, table)
        if value is not None and (wanted := table[key](value)):
            raise made.wrong(here, f"{_dotted(here)} is {quoted(value)}, not {wanted}.")


def _unknown(made: Configuration, place: Place, table: Mapping[str, Check]) -> InvalidValue:
    near = get_close_matches(place[-1], table, 1, 0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(table)}."
    return made.wrong(place, f"{_dotted(place)} is not a key of a recipe.", hint)


def _dotted(place: Place) -> str:
    return ".".join(place)


def _check_values(made: Configuration) -> None:
    if made.is_learned:
        if not made.values.get("target_col"):
            raise made.wrong(("target_col",), "'target_col' is missing.")
        _check_metrics(made)
        _check_tuning(made)
    registry = made.section("model_registry")
    if set(str(registry.get("model_name") or "")) & set("/:"):
        # Said now, not when all is trained.
        place = ("model_registry", "model_name")
        raise made.wrong(
            place, f"A model cannot be named {registry['model_name']!r}: no '/' or ':'."
        )
    if registry.get("uri") and registry.get("registry_uri") not in (None, registry["uri"]):
        raise made.wrong(
            ("model_registry", "uri"), "'uri' and 'registry_uri' name two places.", "Leave out one."
        )


def _check_metrics(made: Configuration) -> None:
    for number, each in enumerate(made.values.get("custom_metrics") or ()):
        if lacking := [key for key in keys.METRIC if each.get(key) is None]:
            where = ("custom_metrics", str(number))
            raise made.wrong(where, f"A custom metric lacks {lacking[0]!r}.")
    known = made.measures()
    primary = made.values.get("primary_metric")
    if primary and measures.SHORT.get(primary, primary) not in known:
        raise _no_metric(made, ("primary_metric",), primary)
    criteria = made.step("evaluate").get("validation_criteria") or ()
    for number, each in enumerate(criteria):
        place = ("steps", "evaluate", "validation_criteria", str(number))
        if lacking := [key for key in keys.CRITERION if each.get(key) is None]:
            raise made.wrong(place, f"A criterion lacks {lacking[0]!r}.")
        if each["metric"] not in known:
            raise _no_metric(made, (*place, "metric"), each["metric"])


def _no_metric(made: Configuration, place: Place, name: str) -> PegboardError:
    known = made.measures()
    near = get_close_matches(name, known, 1, 0.5)
    return made.wrong(
        place,
        f"There is no metric {name!r} for {made.task}.",
        hint=f"{f'Did you mean {near[0]!r}? ' if near else ''}There are: {', '.join(known)}; "
        "others are defined in custom_metrics.",
    )


def _check_tuning(made: Configuration) -> None:
    tuning = made.step("train").get("tuning")
    if tuning is None:
        return
    place = ("steps", "train", "tuning")
    if "enabled" not in tuning:
        raise made.wrong(place, "steps.train.tuning lacks 'enabled', which is true or false.")
    if not tuning["enabled"]:
        return
    for key in ("max_trials", "parameters"):
        if tuning.get(key) is None:
            raise made.wrong(place, f"steps.train.tuning lacks {key!r}.")
