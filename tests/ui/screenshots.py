"""Make pictures of each page in both themes: ``screenshots.py [-o DIRECTORY] [NAME ...]``.

Each page of the interface has its lines in ``PAGES``: a name, an address with ids of the store of
bird songs, and the keys to press before the picture is taken.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import agents
import aviary
import birdsong
import workbench
from conftest import CHROMIUM, DESK, PHONE, serving
from playwright.sync_api import sync_playwright

PAGES: dict[str, tuple[str, list[str]]] = {
    "home": ("/", []),
    "table": ("/experiments/{birdsong-classifier}", []),
    "charts": ("/experiments/{birdsong-classifier}?view=charts&smooth=0.7", []),
    "split": (
        "/experiments/{birdsong-classifier}?view=split&smooth=0.7&cols=metrics.acc,metrics.loss,params.lr,params.opt,attributes.start_time",
        [],
    ),
    # The picture of README.md, made small by a palette of 96 colours.
    "readme": (
        "/experiments/{birdsong-classifier}?view=split&smooth=0.7&sort=-metrics.acc&grid=2"
        "&find=^(acc|f1|loss|train/loss|train/lr)$&cols=metrics.acc,metrics.loss,params.lr,params.opt",
        ["j"],
    ),
    "coloured": (
        "/experiments/{birdsong-classifier}?view=split&smooth=0.7&colour=params.opt&cols=metrics.acc,params.opt,params.lr",
        [],
    ),
    "scaled": (
        "/experiments/{birdsong-classifier}?view=split&smooth=0.7&colour=metrics.acc&cols=metrics.acc,params.opt,params.lr",
        ["j", "Shift+C"],
    ),
    "empty": ("/experiments/{owl-nights}", []),
    "traces": ("/traces", []),
    "trace": ("/traces/{trace}", []),
    "keys": ("/", ["?"]),
    "palette": ("/", ["Control+k"]),
    "plugin": ("/p/plugins", []),
    "run": ("/runs/{heron-31}", []),
    "run-metrics": ("/runs/{heron-31}?tab=metrics&key=acc", []),
    "run-artifacts": ("/runs/{heron-31}?tab=artifacts&path=images&series=val/saliency", []),
    "run-code": ("/runs/{heron-31}?tab=code", []),
    "compare": ("/compare?runs={heron-31},{plover-07},{avocet-02}&baseline={plover-07}", []),
    "compared-files": ("/compare?runs={heron-31},{plover-07},{avocet-02}&t=1", ["Control+End"]),
    "models": ("/models", []),
    "model": ("/models/birdsong?at=9", []),
    "move": ("/models/birdsong?at=9&move=champion", []),
    "version": ("/models/birdsong/9", []),
    "logged": ("/logged-models/{classifier}", []),
    "logged-list": ("/logged-models", []),
    "about": ("/models/birdsong?history=list", []),
    "signatures": ("/compare?runs={curlew-12},{plover-07}&models=birdsong/7,birdsong/9", []),
    "transposed": ("/compare?runs={heron-31},{plover-07},{avocet-02}&t=1", []),
}


def main(words: list[str]) -> None:
    """Make the pictures."""
    target = Path(tempfile.gettempdir(), "pegboard-screenshots")
    if words[:1] == ["-o"]:
        target, words = Path(words[1]), words[2:]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        ids = birdsong.fill(f"sqlite:{name}/s.db")
        ids |= workbench.fill(f"sqlite:{name}/s.db", ids["heron-31"])
        aviary.fill(f"sqlite:{name}/s.db", ids)
        aviary.files(f"sqlite:{name}/s.db", ids)
        ids["classifier"] = aviary.logged(f"sqlite:{name}/s.db", ids)
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
