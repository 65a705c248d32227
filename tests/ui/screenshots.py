"""Make pictures of each page in both themes: ``screenshots.py [-o DIRECTORY] [NAME ...]``.

Each page of the interface has its lines in ``PAGES``: a name, an address with ids of the store of
bird songs, and the keys to press before the picture is taken.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import agents
import aviary
import birdsong
import foundry
import gatehouse
import graders
import scribes
import workbench
from conftest import CHROMIUM, DESK, PHONE, Served, serving
from gatehouse import FakeUpstream
from playwright.sync_api import Browser, sync_playwright

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
    "feedback": ("/traces/{trace}?tab=feedback", ["-"]),
    "sessions": ("/traces?by=session", ["j"]),
    "session": ("/traces?session={talk}", ["j", "j"]),
    "filling": ("/traces?exp={agents}&sort=-tokens", ["j", "Space", "Space", "q", "Shift"]),
    "queue": ("/traces?queue={queue}", ["j", "Space"]),
    "questions": ("/traces?exp={agents}", ["Shift+Q"]),
    "review": ("/traces/{trace}?queue={queue}", ["1", "4"]),
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


# Evaluations of a store of their own.
EVALUATIONS: dict[str, tuple[str, list[str]]] = {
    "evaluation": ("/evaluate?runs={forest}", ["j", "j"]),
    "evaluation-text": ("/evaluate?runs={prompt-v1}&by=topic", ["j", "Enter"]),
    "evaluations": ("/evaluate?runs={prompt-v1},{prompt-v2}&diff=1", ["j", "Enter"]),
    "evaluation-table": ("/evaluate?runs={table}", []),
    "evaluation-traces": ("/evaluate?runs={traced}", ["j", "Enter"]),
    "evaluation-big": ("/evaluate?runs={big}", ["End"]),
    "won-and-lost": ("/evaluate?runs={tree},{forest}&view=compare&by=region", ["j"]),
    "slices": ("/evaluate?runs={forest}&view=slices", ["j"]),
}


# On a server of their own, as its administrator sees it.
GATEWAY: dict[str, tuple[str, list[str]]] = {
    "gateway": ("/gateway", []),
    "gateway-try": ("/gateway?try=agents", ["Control+Enter", *["Shift"] * 10]),
    "gateway-keys": ("/gateway/keys", []),
}


# On a gateway without users.
PROMPTS: dict[str, tuple[str, list[str]]] = {
    "prompts": ("/prompts", ["j"]),
    "prompt": ("/prompts/triage-answer?at=5&diff=1", []),
    "prompt-tests": ("/prompts/triage-answer?at=5", ["b"]),
    "promote": ("/prompts/triage-answer?at=5&move=production", []),
    "playground": (
        "/playground?prompt=triage-answer&version=5&data={data}&diff=1&on=agents?max=512,summarise?max=512",
        ["Control+Enter", *["Shift"] * 10],
    ),
}


# Runs of projects.
PROJECTS: dict[str, tuple[str, list[str]]] = {
    "workflow": ("/projects/{workflow}", []),
    "workflow-outputs": ("/projects/{workflow}?step=load&show=outputs", []),
    "project": ("/projects/{task}", []),
}


def main(words: list[str]) -> None:
    """Make the pictures."""
    target = Path(tempfile.gettempdir(), "pegboard-screenshots")
    if words[:1] == ["-o"]:
        target, words = Path(words[1]), words[2:]
    target.mkdir(parents=True, exist_ok=True)
    groups = ((PAGES, birds), (EVALUATIONS, evaluations), (GATEWAY, gateway), (PROMPTS, prompts))
    groups += ((PROJECTS, projects),)
    names = words or [name for pages, _ in groups for name in pages]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with ExitStack() as stack:
            for pages, begin in groups:
                if wanted := {name: pages[name] for name in names if name in pages}:
                    place = stack.enter_context(tempfile.TemporaryDirectory())
                    served, headers = begin(Path(place), stack)
                    take(browser, target, wanted, served, headers)
        browser.close()


def birds(place: Path, stack: ExitStack) -> tuple[Served, dict[str, str]]:
    """Serve the store of bird songs."""
    ids = birdsong.fill(f"sqlite:{place}/s.db")
    ids |= workbench.fill(f"sqlite:{place}/s.db", ids["heron-31"])
    aviary.fill(f"sqlite:{place}/s.db", ids)
    aviary.files(f"sqlite:{place}/s.db", ids)
    ids["classifier"] = aviary.logged(f"sqlite:{place}/s.db", ids)
    experiment = agents.fill(f"sqlite:{place}/s.db")
    agents.talk(f"sqlite:{place}/s.db", experiment)
    ids |= {"agents": experiment, "talk": quote(agents.TALK)}
    ids["queue"] = agents.ask(f"sqlite:{place}/s.db", experiment)
    ids["trace"] = agents.AGENT
    return stack.enter_context(serving(place, ids=ids)), {}


def evaluations(place: Path, stack: ExitStack) -> tuple[Served, dict[str, str]]:
    """Serve evaluations."""
    ids = graders.fill(f"sqlite:{place}/s.db")
    return stack.enter_context(serving(place, ids=ids)), {}


def gateway(place: Path, stack: ExitStack) -> tuple[Served, dict[str, str]]:
    """Serve a gateway with a past, and keys."""
    upstream = stack.enter_context(FakeUpstream())
    gatehouse.configure(place, upstream.url, head=gatehouse.users(place))
    gatehouse.past(place)
    gatehouse.keys(place)
    return stack.enter_context(serving(place)), gatehouse.headers("root")


def prompts(place: Path, stack: ExitStack) -> tuple[Served, dict[str, str]]:
    """Serve prompts, and a gateway to try them on."""
    upstream = stack.enter_context(FakeUpstream())
    gatehouse.configure(place, upstream.url)
    ids = scribes.fill(f"sqlite:{place}/s.db")
    return stack.enter_context(serving(place, ids=ids)), {}


def projects(place: Path, stack: ExitStack) -> tuple[Served, dict[str, str]]:
    """Serve a workflow of which a task failed."""
    ids = foundry.fill(f"sqlite:{place}/s.db")
    return stack.enter_context(serving(place, ids=ids)), {}


def take(
    browser: Browser,
    target: Path,
    pages: dict[str, tuple[str, list[str]]],
    served: Served,
    headers: dict[str, str],
) -> None:
    """Take the pictures of some pages of a server."""
    for page_name, (address, keys) in pages.items():
        for label, theme, size in (
            ("light", "light", DESK), ("dark", "dark", DESK), ("phone", "light", PHONE),
        ):  # fmt: skip
            context = browser.new_context(
                viewport=size, color_scheme=theme, extra_http_headers=headers
            )
            page = context.new_page()
            page.goto(served.url + address.format(**served.ids))
            page.wait_for_load_state("load")
            page.wait_for_timeout(800)
            for key in keys:
                page.keyboard.press(key)
                page.wait_for_timeout(200)
            page.screenshot(path=target / f"{page_name}-{label}.png")
            context.close()
        print(target / page_name)


if __name__ == "__main__":
    main(sys.argv[1:])
