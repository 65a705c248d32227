"""Settings: tables of the configuration, as the attrs classes that plugins declare for them.

A field's type says what its value must be: text, numbers, booleans, lists, tables, nested attrs
classes, lists of these (``[[gateway.endpoints]]``) and ``Secret``. Ranges are attrs validators.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from pegboard.errors import ConfigError

if TYPE_CHECKING:
    from cattrs import Converter

S = TypeVar("S")

_SHARED = "pegboard_shared"
_OTHERS = "pegboard_others"


@attrs.frozen
class Secret:
    """A text that no output shows: ``{ env = "NAME" }`` in the file, or the text itself."""

    value: str = attrs.field(default="", repr=False)

    def __bool__(self) -> bool:
        """Whether there is a secret."""
        return bool(self.value)


@attrs.frozen
class NoSettings:
    """The settings of a plugin that declares none."""


def structure(kind: type[S], table: Mapping[str, Any], where: str) -> S:
    """Return a table of the configuration as an instance of ``kind``.

    ConfigError for unknown keys, wrong types, values out of range and secrets that are missing: it
    names ``where`` (file and table), the key, what was expected, and the nearest known key.
    """
    if not table and all(field.default is not attrs.NOTHING for field in attrs.fields(kind)):  # type: ignore[arg-type]
        # Most plugins have no table, and to import cattrs takes longer than to import them.
        return kind()
    import cattrs

    try:
        # Fields that are shared are of no table, and so unknown in this one.
        _refuse_shared(kind, table)
        return _converter().structure(table, kind)
    except cattrs.BaseValidationError as error:
        faults = cattrs.transform_error(error, path="", format_exception=_explain)
        raise ConfigError(
            f"{where} " + "; ".join(_key_first(fault) for fault in faults) + ".",
            # The keys of the table are of no help where the fault lies in a table inside it.
            hint=""
            if all(map(_is_inside, faults))
            else f"Its keys are: {', '.join(keys(kind)) or 'none'}.",
        ) from None


def shared(section: type[S]) -> S:
    """Return a field for a section of the core, such as ``[http]``, which the host fills in.

    The field has the section's name, and is not a key of the plugin's own table.
    """
    made: S = attrs.field(factory=section, metadata={_SHARED: True})
    return made


def others() -> dict[str, Any]:
    """Return a field for the keys of a table that the class does not have, as they are.

    They are the settings of something else that is named in the table, and read by that; as they
    may hold secrets, no output shows them.
    """
    made: dict[str, Any] = attrs.field(factory=dict, repr=False, metadata={_OTHERS: True})
    return made


def with_shared(settings: S, sections: object) -> S:
    """Return settings of a plugin with the core's sections in the fields made by ``shared``."""
    fields = attrs.fields(type(settings))  # type: ignore[arg-type]
    names = [field.name for field in fields if _SHARED in field.metadata]
    if not names:
        return settings
    filled: Any = settings
    return cast(S, attrs.evolve(filled, **{name: getattr(sections, name) for name in names}))


def keys(kind: type[Any]) -> list[str]:
    """Return the names of the keys of a class of settings."""
    return [
        field.name
        for field in attrs.fields(kind)
        if _SHARED not in field.metadata and _OTHERS not in field.metadata
    ]


def from_environment(kind: type[Any], prefix: str) -> Iterator[tuple[str, str, Any]]:
    """Yield key, variable and value of the settings that the environment names.

    The variable of a key is ``PREFIX_KEY``; its value is read as TOML, or else as text.
    """
    for key in keys(kind):
        # An empty variable counts as not set.
        if text := os.environ.get(name := variable(prefix, key)):
            yield key, name, _value(text)


def variable(prefix: str, key: str) -> str:
    """Return the name of the environment variable of a setting."""
    return f"{prefix}_{key}".upper().replace("-", "_")


def _value(text: str) -> Any:
    import tomllib

    if text in ("on", "off"):
        return text == "on"
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _refuse_shared(kind: type[Any], table: Mapping[str, Any]) -> None:
    import cattrs

    known = {field.name for field in attrs.fields(kind)} - set(keys(kind))
    if wrong := known & set(table):
        error = cattrs.errors.ForbiddenExtraKeysError("", kind, wrong)
        raise cattrs.ClassValidationError("", [error], kind)


@cache
def _converter() -> Converter:
    import cattrs

    made = cattrs.Converter(forbid_extra_keys=True)
    made.register_structure_hook(str, _text)
    made.register_structure_hook(bool, _reader("true or false", bool))
    made.register_structure_hook(int, _reader("a whole number", int))
    made.register_structure_hook(float, _reader("a number", int, float))
    made.register_structure_hook(Path, lambda value, _: Path(_text(value, str)).expanduser())
    made.register_structure_hook(Secret, _secret)
    made.register_structure_hook_factory(_is_list, _list_hook)
    made.register_structure_hook_factory(lambda kind: bool(others_of(kind)), _others_hook)
    return made


def _reader(expected: str, *kinds: type[Any]) -> Callable[[Any, type], Any]:
    """Return what reads a value of one of these types as one of the last."""

    def read(value: Any, _: type) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError(f"expected {expected}, not {value!r}")
        return kinds[-1](value)

    return read


_text = _reader("text in quotes", str)


def _secret(value: Any, _: type) -> Secret:
    if isinstance(value, str):
        return Secret(value)
    if not isinstance(value, Mapping) or set(value) != {"env"} or not isinstance(value["env"], str):
        raise TypeError('expected { env = "NAME" }, or text in quotes')
    found = os.environ.get(value["env"])
    if not found:
        raise ValueError(f"the environment variable {value['env']!r}, which holds it, is not set")
    return Secret(found)


def _is_list(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) in (list, tuple)


def _list_hook(kind: Any, converter: Converter) -> Any:
    """Return what reads lists, also into tuples; to Python a text would be one too."""
    import cattrs

    inner = kind.__args__[0]

    def listed(value: Any, _: type) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, not {value!r}")
        read, items, errors = converter.get_structure_hook(inner), [], []
        for i, item in enumerate(value):
            try:
                items.append(read(item, inner))
            except Exception as error:
                error.add_note(cattrs.IterableValidationNote("", i, inner))
                errors.append(error)
        if errors:
            raise cattrs.IterableValidationError("", errors, kind)
        return kind.__origin__(items)

    return listed


def others_of(kind: Any) -> str:
    """Return the name of the field made by ``others`` in a class; empty if there is none."""
    fields = attrs.fields(kind) if attrs.has(kind) else ()
    return "".join(field.name for field in fields if _OTHERS in field.metadata)


def _others_hook(kind: Any, converter: Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    known, name = set(keys(kind)), others_of(kind)
    read = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)

    def split(value: Any, _: type) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError("expected a table")
        own = {key: value[key] for key in value if key in known}
        return read({**own, name: {key: value[key] for key in value if key not in known}}, kind)

    return split


def _key_first(fault: str) -> str:
    """Return cattrs' ``what @ .where`` the other way round."""
    what, _, where = fault.rpartition(" @ ")
    return f"{where.lstrip('.')}: {what}" if where else what


def _is_inside(fault: str) -> bool:
    """Whether a fault lies in a table inside the one that is read."""
    _, at, where = fault.rpartition(" @ ")
    return bool(at) and ("." in where.lstrip(".") or "[" in where)


def _explain(error: BaseException, _: type | None) -> str:
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(error, ForbiddenExtraKeysError):
        return ", ".join(_unknown(key, error.cl) for key in sorted(error.extra_fields))
    if isinstance(error, KeyError):
        return f"the key {error.args[0]!r} is missing"
    if isinstance(error, AttributeError) or "not iterable" in str(error):
        return "expected a table"
    return str(error)


def _unknown(key: str, kind: type[Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, keys(kind), n=1, cutoff=0.7)
    return f"{key}: unknown key" + (f" (did you mean {near[0]!r}?)" if near else "")
