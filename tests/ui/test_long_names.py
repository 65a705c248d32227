"""Names as long as stores take them: nothing lies upon anything else, or leaves the window."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pegboard.entities import Metric
from pegboard_scripting.client import Client
from playwright.sync_api import Page

FAULTS = """() => {
  const found = [], texts = []
  const seen = (element) => {
    const box = { left: 0, top: 0, right: innerWidth, bottom: innerHeight, scrolls: false }
    for (let each = element; each && each !== document.body; each = each.parentElement) {
      const style = getComputedStyle(each), at = each.getBoundingClientRect()
      if (style.visibility === 'hidden' || style.opacity === '0' || style.clipPath !== 'none') return null
      if (style.overflowX !== 'visible') {
        box.left = Math.max(box.left, at.left); box.right = Math.min(box.right, at.right)
        box.scrolls ||= style.overflowX === 'auto' || style.overflowX === 'scroll'
      }
      if (style.overflowY !== 'visible') { box.top = Math.max(box.top, at.top); box.bottom = Math.min(box.bottom, at.bottom) }
    }
    return box
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement, said = node.data.trim().slice(0, 30)
    const box = said && element.checkVisibility() && seen(element)
    if (!box) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const at of range.getClientRects()) {
      const left = Math.max(at.left, box.left), right = Math.min(at.right, box.right)
      const top = Math.max(at.top, box.top), bottom = Math.min(at.bottom, box.bottom)
      if (right - left < 2 || bottom - top < 4) continue
      if (at.right > innerWidth + 1 && !box.scrolls && box.right >= innerWidth - 1) found.push(`"${said}" leaves the window`)
      const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
      if (hit && (element.contains(hit) || hit.contains(element))) texts.push({ element, said, left, right, top, bottom })
    }
  }
  texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
    if (a.element !== b.element && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5)
      found.push(`"${a.said}" lies upon "${b.said}"`)
  }))
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page is wider than the window')
  return [...new Set(found)]
}"""  # noqa: E501


def test_long_names_neither_lie_upon_others_nor_leave_the_window(page: Page, fresh: Any) -> None:
    def long(word: str, size: int) -> str:
        return (f"{word}-" * size)[:size]

    client, model = Client(fresh.store), long("model", 200)
    experiment = client.create_experiment(long("experiment", 200))
    tags = {"mlflow.user": long("user", 120), long("tag", 240): long("value", 500)}
    ids = []
    client.create_registered_model(model)
    for number in range(2):
        run = client.create_run(experiment, run_name=f"{number}-{long('run', 230)}", tags=tags)
        ids.append(run.info.run_id)
        points = [
            Metric(key, number + step / 9, step, step)
            for key in ("acc", "loss", long("score", 240), f"train/{long('loss', 234)}")
            for step in range(9)
        ]
        client.log_batch(ids[-1], metrics=points)
        client.log_text(ids[-1], "words", f"{long('file', 200)}.txt")
        made = client.create_model_version(model, f"runs:/{ids[-1]}/model", ids[-1])
        client.set_registered_model_alias(model, long(f"alias{number}", 200), made.version)
    place = f"models/{quote(model)}"
    shown = {
        f"experiments/{experiment}": "[role=gridcell]",
        f"runs/{ids[0]}": "figure.chart",
        f"runs/{ids[0]}?tab=artifacts&path={long('file', 200)}.txt": ".art-viewer",
        f"compare?runs={','.join(ids)}": ".cmp-grid",
        place: ".mod-heads",
        f"{place}?at=2&move={long('alias0', 200)}": ".mod-move .chg td",
        f"{place}/2": ".mod-title",
    }
    faults = {}
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for path, part in shown.items():
            page.goto(f"{fresh.url}/{path}")
            page.locator(part).first.wait_for(state="attached")
            page.wait_for_load_state("load")
            page.evaluate("document.fonts.ready")
            if found := page.evaluate(FAULTS):
                faults[f"{path[:40]} at {width}"] = found
    assert not faults
