"""Make pictures of each page in both themes: ``screenshots.py [-o DIRECTORY] [NAME ...]``.

Each page of the interface has its lines in ``PAGES``: a name, an address with ids of the store of
bird songs, and the keys to press before the picture is taken.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import agents
import birdsong
from conftest import CHROMIUM, DESK, PHONE, serving
from playwright.sync_api import sync_playwright

PAGES: dict[str, tuple[str, list[str]]] = {
    "home": ("/", []),
    "table": ("/experiments/{birdsong-classifier}", []),
    "empty": ("/experiments/{owl-nights}", []),
    "traces": ("/traces", []),
    "trace": ("/traces/{trace}", []),
    "keys": ("/", ["?"]),
    "palette": ("/", ["Control+k"]),
    "plugin": ("/p/plugins", []),
}


def main(words: list[str]) -> None:
    """Make the pictures."""
    target = Path(tempfile.gettempdir(), "pegboard-screenshots")
    if words[:1] == ["-o"]:
        target, words = Path(words[1]), words[2:]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        ids = birdsong.fill(f"sqlite:{name}/s.db")
        agents.fill(f"sqlite:{name}/s.db")
        ids["trace"] = agents.AGENT
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with serving(Path(name), ids=ids) as served:
            for page_name in words or PAGES:
                address, keys = PAGES[page_name]
                for label, theme, size in (
                    ("light", "light", DESK), ("dark", "dark", DESK), ("phone", "light", PHONE),
                ):  # fmt: skip
                    context = browser.new_context(viewport=size, color_scheme=theme)
                    page = context.new_page()
                    page.goto(served.url + address.format(**ids))
                    page.wait_for_load_state("load")
                    page.wait_for_timeout(800)
                    for key in keys:
                        page.keyboard.press(key)
                        page.wait_for_timeout(200)
                    page.screenshot(path=target / f"{page_name}-{label}.png")
                    context.close()
                print(target / page_name)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
