"""Cards as files: JSON for machines, and one HTML page that fetches nothing and runs no script.

Everything that comes from data is escaped here, in one place. The page has a policy that forbids
scripts and requests; tabs are radio buttons, so that they work without any.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard_recipes.cards import drawing
from pegboard_recipes.cards.style import POLICY, STYLE

if TYPE_CHECKING:
    from pegboard_recipes.cards.card import Card, Tab

_LONGEST = 300


def json_of(card: Card) -> str:
    """Return a card as JSON text; pictures and diagrams are left out, NaN is null."""
    tabs = [
        {
            "title": tab.title,
            "parts": [part for part in tab.parts if part["kind"] not in ("picture", "diagram")],
        }
        for tab in card.tabs
    ]
    values = {
        "recipe": card.recipe,
        "step": card.step,
        "failed": card.failed,
        "facts": card.facts,
        "tabs": tabs,
    }
    return json.dumps(_plain(values), allow_nan=False)  # Indented, it takes ten times as long.


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def html_of(card: Card) -> str:
    """Return a card as a page."""
    return "".join(_page(card))


def framed(text: str) -> str:
    """Return a page in a frame that may run no scripts, for notebooks."""
    style = "width:100%;height:620px;border:0"
    return f'<iframe sandbox style="{style}" srcdoc="{html.escape(text, quote=True)}"></iframe>'


def _page(card: Card) -> Iterator[str]:
    title = escaped(f"{card.recipe}: {card.step}")
    yield "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield "<meta name='viewport' content='width=device-width, initial-scale=1'>"
    yield f"<meta name='color-scheme' content='light dark'><title>{title}</title>"
    yield f"<style>{STYLE}{_tab_rules(len(card.tabs))}</style></head><body>"
    state = "<span class='bad'>failed</span>" if card.failed else ""
    yield f"<header><h1>{escaped(card.step)}</h1><p>{escaped(card.recipe)} {state}</p></header>"
    for number in range(len(card.tabs)):
        checked = " checked" if number == 0 else ""
        yield f"<input type='radio' name='tab' id='tab{number}'{checked}>"
    yield "<nav>"
    for number, tab in enumerate(card.tabs):
        yield f"<label for='tab{number}'>{escaped(tab.title)}</label>"
    yield "</nav><main>"
    for number, tab in enumerate(card.tabs):
        yield f"<section id='part{number}'>"
        yield from _tab(tab)
        yield "</section>"
    yield "</main></body></html>\n"


def _tab_rules(count: int) -> str:
    """Return the rules that show the tab whose button is chosen."""
    rules = []
    for number in range(count):
        chosen = f"#tab{number}:checked"
        rules.append(f"{chosen}~main #part{number}{{display:block}}")
        rules.append(f"{chosen}~nav label[for=tab{number}]{{border-color:var(--accent);opacity:1}}")
        rules.append(
            f"#tab{number}:focus-visible~nav label[for=tab{number}]"
            "{outline:2px solid var(--accent)}"
        )
    return "".join(rules)


def _tab(tab: Tab) -> Iterator[str]:
    for part in tab.parts:
        yield _PARTS[part["kind"]](part)


def escaped(value: Any) -> str:
    """Return a value as text of a page: numbers short, texts escaped and not endless."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return html.escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", quote=True)


def _heading(part: Mapping[str, Any]) -> str:
    return f"<h2>{escaped(part['text'])}</h2>"


def _text(part: Mapping[str, Any]) -> str:
    return f"<pre>{html.escape(part['text'], quote=True)}</pre>"


def _facts(part: Mapping[str, Any]) -> str:
    rows = [f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in part["facts"]]
    return f"<dl>{''.join(rows)}</dl>"


def _table(part: Mapping[str, Any]) -> str:
    strong = set(part["strong"])
    columns = zip(*part["rows"], strict=True) if part["rows"] else [()] * len(part["columns"])
    head = "".join(
        f"<th{' class=number' if any(map(_is_number, values)) else ''}>{escaped(name)}</th>"
        for name, values in zip(part["columns"], columns, strict=True)
    )
    body = [
        f"<tr{' class=strong' if number in strong else ''}>{_cells(row)}</tr>"
        for number, row in enumerate(part["rows"])
    ]
    return f"<div class='wide'><table><tr>{head}</tr>{''.join(body)}</table></div>"


def _cells(row: Sequence[Any]) -> str:
    return "".join(
        f"<td{' class=number' if _is_number(value) else ''}>{escaped(value)}</td>" for value in row
    )


def _is_number(value: Any) -> bool:
    return not isinstance(value, (str, bool)) and hasattr(value, "__float__")


def _profile(part: Mapping[str, Any]) -> str:
    notes = []
    for title, known in part["tables"].items():
        drawn = known["drawn"]
        how = "" if drawn == known["rows"] else f", profiled on {drawn:,} that were drawn"
        notes.append(f"<li>{escaped(title)}: {known['rows']:,} rows{how}</li>")
    if part["left_out"]:
        notes.append(f"<li>{part['left_out']:,} more columns are not shown.</li>")
    many = len(part["tables"]) > 1
    head = ["Column", *(["Table"] if many else []), "Type", "Missing", "Values", "Distribution"]
    rows = []
    for column in part["columns"]:
        name = f"<th rowspan={len(column['parts'])}>{escaped(column['name'])}</th>"
        for title, found in column["parts"].items():
            table = f"<td>{escaped(title)}</td>" if many else ""
            rows.append(f"<tr>{name}{table}{_profile_cells(found)}</tr>")
            name = ""
    titles = "".join(f"<th>{each}</th>" for each in head)
    return (
        f"<ul class='notes'>{''.join(notes)}</ul>"
        f"<div class='wide'><table class='profile'><tr>{titles}</tr>{''.join(rows)}</table></div>"
    )


def _profile_cells(found: Mapping[str, Any]) -> str:
    share = found["missing"] / found["count"] if found["count"] else 0.0
    missing = f"{found['missing']:,} ({share:.1%})" if found["missing"] else "0"
    return (
        f"<td>{escaped(found['type'])}</td><td class=number>{missing}</td>"
        f"<td>{_values(found)}</td><td>{drawing.bars(found)}</td>"
    )


def _values(found: Mapping[str, Any]) -> str:
    if "quantiles" in found:
        low, first, middle, third, high = (escaped(each) for each in found["quantiles"])
        more = f"; zeros {found['zeros']:,}" if found["zeros"] else ""
        more += f"; infinite {found['infinite']:,}" if found["infinite"] else ""
        return (
            f"{low} … {high}, median {middle} ({first} to {third})<br>mean "
            f"{escaped(found['mean'])} ± {escaped(found['deviation'])}{more}"
        )
    if "distinct" not in found:
        return "-"
    span = ""
    if "earliest" in found:
        span = f"{escaped(found['earliest'])} … {escaped(found['latest'])}<br>"
    return f"{span}{found['distinct']:,} distinct"


def _picture(part: Mapping[str, Any]) -> str:
    title = escaped(part["title"])
    source = f"data:image/png;base64,{part['png']}"
    return f"<figure><img src='{source}' alt='{title}'><figcaption>{title}</figcaption></figure>"


def _diagram(part: Mapping[str, Any]) -> str:
    """Show a library's own page in a frame that may neither run scripts nor reach this page."""
    page = html.escape(part["html"], quote=True)
    return (
        f"<iframe sandbox title='Diagram' srcdoc=\"{page}\"></iframe>"
        f"<details><summary>As text</summary><pre>{html.escape(part['text'])}</pre></details>"
    )


_PARTS = {
    "heading": _heading,
    "text": _text,
    "facts": _facts,
    "table": _table,
    "profile": _profile,
    "picture": _picture,
    "diagram": _diagram,
}
