"""Tells whether an exported program (``.pt2``) can run arbitrary code when it is loaded.

``torch.export.load`` is not meant for untrusted files: it unpickles some records of the archive,
loads compiled libraries from it, and evaluates texts of the program as Python. What is accepted
here is what ``torch.export.save`` writes for ordinary models: plain tensors, and a graph of
PyTorch's own operators. Whatever is not understood is refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pegboard_pytorch.formats.expressions import harmless

_RECORDS = re.compile(
    r"models/model\.json"
    r"|data/weights/weight_[0-9]+|data/weights/model_weights_config\.json"
    r"|data/constants/tensor_[0-9]+|data/constants/model_constants_config\.json"
    r"|data/sample_inputs/model\.pt"
    r"|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id"
    r"|\.format_version|\.storage_alignment",
    re.ASCII,
)
_PAYLOAD = re.compile(r"(weight|tensor)_[0-9]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.@-]*", re.ASCII)
_FREE_TEXT = frozenset({"as_string", "as_strings", "torch_version"})
"""Fields whose text PyTorch only ever shows, or writes as a quoted text."""

_OPERATORS = re.compile(
    r"torch\.ops\.aten\.(?!_?(save|load|open|write|from_file)\b)[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z0-9_]+"
    r"|torch\.ops\.(prims|quantized_decomposed)\.[a-z_]+\.[A-Za-z0-9_]+"
    r"|torch\.ops\.higher_order\."
    r"(cond|while_loop|scan|map_impl|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|torch\.sym_(float|int|ite|max|min|not|sqrt)|torch\._sym_sqrt"
    r"|_operator\.(add|and_|eq|floordiv|ge|getitem|gt|le|lshift|lt|mod|mul|ne|neg|or_|pos|pow"
    r"|rshift|sub|truediv)"
    r"|math\.(ceil|floor|sqrt|trunc)",
    re.ASCII,
)
_CONTAINERS = frozenset(
    {
        None,
        "builtins.dict",
        "builtins.list",
        "builtins.tuple",
        "collections.OrderedDict",
        "torch.Size",
        "torch.fx.immutable_collections.immutable_dict",
        "torch.fx.immutable_collections.immutable_list",
    }
)


def suspicion(path: Path) -> str:
    """Return what in an archive could run code, or is not understood; "" if all is plain."""
    from torch.export.pt2_archive import PT2ArchiveReader

    try:
        with PT2ArchiveReader(str(path)) as archive:
            records = set(archive.get_file_names())
            return (
                _strange_records(path, records)
                or _bad_payloads(archive, "data/weights/model_weights_config.json")
                or _bad_payloads(archive, "data/constants/model_constants_config.json")
                or _bad_program(archive.read_bytes("models/model.json"))
                or _bad_inputs(archive.read_bytes("data/sample_inputs/model.pt"))
            )
    except (RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        return f"it cannot be read: {str(error).partition(chr(10))[0]}"


def _strange_records(path: Path, records: set[str]) -> str:
    strange = sorted(name for name in records if not _RECORDS.fullmatch(name))
    if strange:
        return f"the record {strange[0]!r} is not one of a plain program"
    # PyTorch reads old archives with another reader, for which a file can hold other records.
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist()]
    if len(set(names)) != len(names) or {name.partition("/")[2] for name in names} != records:
        return "its two directories of records differ"
    return ""


def _bad_payloads(archive: Any, record: str) -> str:
    for name, entry in json.loads(archive.read_bytes(record))["config"].items():
        if entry.get("use_pickle") is not False or not _PAYLOAD.fullmatch(str(entry["path_name"])):
            return f"the tensor {name!r} is kept as a pickle"
        if reason := next(_bad_texts(entry), ""):
            return reason
    return ""


def _bad_inputs(content: bytes) -> str:
    import torch

    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:
        # Unpicklers fail in every way there is.
        return "its example inputs are not plain tensors"
    return ""


def _bad_program(content: bytes) -> str:
    return next(_bad_texts(json.loads(content)), "")


def _bad_texts(value: Any, field: str = "") -> Iterator[str]:
    """Find texts of a program that PyTorch would run and that are more than they should be."""
    if isinstance(value, Mapping):
        if value.get("custom_obj_values"):
            yield "it holds objects other than tensors"
        for key, item in value.items():
            if not _NAME.fullmatch(key):
                yield f"the name {key[:60]!r} is not a name"
            elif not _is_comment(value, key, item):
                yield from _bad_texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _bad_texts(item, field)
    elif isinstance(value, str) and not _text_is_plain(value, field):
        yield f"the field {field!r} holds {value[:60]!r}"


def _is_comment(owner: Mapping[str, Any], key: str, item: Any) -> bool:
    """Whether a field says only where in its sources a node, or the whole program, comes from."""
    return (
        key == "metadata"
        and ({"target", "inputs"} <= owner.keys() or {"graph", "signature"} <= owner.keys())
        and isinstance(item, Mapping)
        and all(isinstance(text, str) for text in item.values())
    )


def _text_is_plain(text: str, field: str) -> bool:
    if field in _FREE_TEXT:
        return True
    if field in ("expr_str", "as_expr"):
        return harmless(text)
    if field == "guards_code":
        return harmless(text, guard=True)
    if field == "target":
        return _OPERATORS.fullmatch(text) is not None
    if field in ("in_spec", "out_spec"):
        return text == "" or _plain_structure(json.loads(text))
    return _NAME.fullmatch(text) is not None


def _plain_structure(spec: Any) -> bool:
    """Whether the description of nested arguments names only containers of Python."""
    match spec:
        case [int(), inner]:
            return _plain_structure(inner)
        case {"type": kind, "context": context, "children_spec": list() as children}:
            return (
                kind in _CONTAINERS
                and _plain_context(context)
                and all(_plain_structure(child) for child in children)
            )
        case _:
            return False


def _plain_context(context: Any) -> bool:
    if context is None:
        return True
    value = json.loads(context) if isinstance(context, str) else context
    items = value if isinstance(value, list) else [value]
    return all(
        item is None or isinstance(item, int) or (isinstance(item, str) and _NAME.fullmatch(item))
        for item in items
    )
