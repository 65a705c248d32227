"""Documents, sound and film among the files of a run: shown by the browser's own viewers, apart."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import DESK, Served, serving, watched
from pegboard_scripting.client import Client
from playwright.sync_api import Browser, Page, expect

GREEN = (0, 153, 51)
HAS_COLOUR = """async ([picture, wanted]) => {
  const bitmap = await createImageBitmap(await (await fetch(picture)).blob())
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
  const pen = canvas.getContext('2d')
  pen.drawImage(bitmap, 0, 0)
  const {data} = pen.getImageData(0, 0, bitmap.width, bitmap.height)
  let found = 0
  for (let at = 0; at < data.length; at += 4)
    if (wanted.every((value, i) => Math.abs(data[at + i] - value) < 12)) found++
  return found / (data.length / 4)
}"""
"""Which part of a picture has a colour; run on a page without a policy."""
RECORD = """async () => {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 64
  const pen = canvas.getContext('2d')
  const recorder = new MediaRecorder(canvas.captureStream(), {mimeType: 'video/webm;codecs=vp8'})
  const pieces = []
  recorder.ondataavailable = (event) => pieces.push(event.data)
  const done = new Promise((resolve) => { recorder.onstop = resolve })
  recorder.start()
  for (let frame = 0; frame < 20; frame++) {
    pen.fillStyle = 'rgb(0, 153, 51)'
    pen.fillRect(0, 0, 64, 64)
    pen.fillRect(frame, 0, 1, 1)
    await new Promise(requestAnimationFrame)
  }
  recorder.stop()
  await done
  const reader = new FileReader()
  reader.readAsDataURL(new Blob(pieces))
  await new Promise((resolve) => { reader.onload = resolve })
  return reader.result.split(',')[1]
}"""
PLAYED = """async (element) => {
  element.muted = true
  await element.play()
  await new Promise((resolve) => {
    element.ontimeupdate = () => element.currentTime > 0 && resolve()
    element.onended = resolve
  })
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 1
  const pen = canvas.getContext('2d')
  if (element.videoWidth) pen.drawImage(element, 0, 0, 1, 1)
  return [element.videoWidth ?? 0, [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)]
}"""


WOODS = b"""{"type": "FeatureCollection", "features": [
  {"type": "Feature", "properties": {"name": "<b>wood</b>"}, "geometry":
    {"type": "Polygon", "coordinates": [[[0, 0], [0, 2], [2, 2], [0, 0]]]}},
  {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}}]}"""


TORN = "Birds in ![the nest](data:image/png;base64,iVBORw0KGgo=) of May."
PUT = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}}
NOTEBOOK = json.dumps({"cells": [{"cell_type": "code", "source": "", "outputs": [PUT]}]}).encode()


def pdf(script: str) -> bytes:
    """Return one green page, and a script that runs when it is opened."""
    picture = b"0 .6 .2 rg 0 0 300 300 re f"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(%b)>>>>" % script.encode(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(picture), picture),
    ]
    made, places = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, part in enumerate(parts, 1):
        places += b"%010d 00000 n \n" % len(made)
        made += b"%d 0 obj%bendobj\n" % (number, part)
    end = b"trailer<</Size 5/Root 1 0 R>>startxref\n%d\n%%%%EOF" % len(made)
    return made + b"xref\n0 5\n" + places + end


def sound() -> bytes:
    """Return half a second of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(8_000))
    return made.getvalue()


@pytest.fixture(scope="module")
def files(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a run with a document, a sound and a film, made here."""
    place = tmp_path_factory.mktemp("media")
    with serving(place) as served:
        client = Client(served.url)
        run = client.create_run("0", run_name="songs").info.run_id
        tries = (
            f"app.launchURL\\('{served.url}/health'\\); this.submitForm\\('{served.url}/health'\\)"
        )
        context = chromium.new_context()
        film = base64.b64decode(context.new_page().evaluate(RECORD))
        context.close()
        for name, content in (
            ("paper.pdf", pdf(tries)), ("fake.pdf", b"<script>window.top.escaped = 1</script>"),
            ("torn.pdf", pdf(tries)[:300]), ("torn.md", TORN.encode()), ("torn.ipynb", NOTEBOOK),
            ("wren.wav", sound()), ("nest.webm", film), ("broken.webm", film[:40] + bytes(90)),
            ("woods.geojson", WOODS),
        ):  # fmt: skip
            (place / name).write_bytes(content)
            client.log_artifact(run, str(place / name))
        yield Served(served.url, served.store, {"songs": run})


def opened(page: Page, files: Served, name: str) -> None:
    page.goto(f"{files.url}/runs/{files.ids['songs']}?tab=artifacts&path={name}")
    page.locator(".art-viewer").wait_for()


def test_a_pdf_is_shown_by_the_browsers_viewer_and_reaches_nothing(
    chromium: Browser, files: Served, tmp_path: Path
) -> None:
    context = chromium.new_context(viewport=DESK)
    page, seen = watched(context)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, files, "paper.pdf")
    frame = page.locator("iframe[title='paper.pdf']")
    frame.wait_for()
    other = context.new_page()

    def green() -> float:
        picture = base64.b64encode(frame.screenshot()).decode()
        asked_for = [f"data:image/png;base64,{picture}", list(GREEN)]
        return float(other.evaluate(HAS_COLOUR, asked_for))

    # The viewer paints when it is ready; each look takes a picture.
    share = next((share for share in (green() for _ in range(60)) if share > 0.05), 0.0)
    assert share > 0.05
    assert page.url.endswith("path=paper.pdf")
    assert page.evaluate("window.escaped") is None
    assert [url for url in asked if "/health" in url] == []
    for broken, words in (("fake.pdf", "its bytes are not one"), ("torn.pdf", "is a broken PDF")):
        opened(page, files, broken)
        expect(page.get_by_role("heading", name="This file cannot be shown")).to_be_visible()
        expect(page.locator(".art-viewer")).to_contain_text(words)
        expect(page.get_by_role("link", name="Download")).to_be_visible()
        expect(page.locator("iframe")).to_have_count(0)
    seen.check(page)
    context.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [("torn.md", "the nest: no picture"), ("torn.ipynb", "Output of cell 1: no picture")],
)
def test_a_picture_in_a_text_that_is_none_has_its_name(
    page: Page, files: Served, name: str, said: str
) -> None:
    opened(page, files, name)
    expect(page.get_by_role("img", name=said)).to_have_text(said)
    expect(page.locator(".art-viewer img")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "wide", "tag"), [("wren.wav", 0, "audio"), ("nest.webm", 64, "video")]
)
def test_sound_and_film_are_played_by_the_browsers_own_controls(
    chromium: Browser, files: Served, accessible: Callable[[Page], None],
    name: str, wide: int, tag: str,
) -> None:  # fmt: skip
    context = chromium.new_context(viewport=DESK)
    page, seen = watched(context)
    opened(page, files, name)
    player = page.locator(f"{tag}[controls]")
    expect(player).to_be_visible()
    assert (player.get_attribute("src") or "").startswith("blob:")
    width, colour = player.evaluate(PLAYED)
    assert width == wide
    if wide:
        assert all(abs(a - b) < 16 for a, b in zip(colour, GREEN, strict=True)), colour
    accessible(page)
    # What does not come from the page's own bytes is not played.
    refused = page.evaluate(
        """([tag, url]) => new Promise((done) => {
          const player = document.createElement(tag)
          player.onerror = () => done(true)
          player.onloadeddata = () => done(false)
          player.src = url
        })""",
        [tag, f"{files.url}/get-artifact?run_id={files.ids['songs']}&path={name}"],
    )
    assert refused
    seen.check(page, allowed=("media-src",))
    context.close()


def test_a_film_that_is_broken_is_said_to_be(page: Page, files: Served) -> None:
    opened(page, files, "broken.webm")
    expect(page.get_by_role("heading", name="This browser does not play this file")).to_be_visible()


def test_shapes_of_geojson_are_drawn_without_another_server(
    page: Page, files: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, files, "woods.geojson")
    drawing = page.get_by_role("img", name="woods.geojson: 2 shapes")
    expect(drawing.locator("path")).to_have_count(2)
    expect(drawing.locator("path title")).to_have_text("name: <b>wood</b>")
    expect(page.get_by_text("longitude 0 to 2, latitude 0 to 2")).to_be_visible()
    accessible(page)
    page.keyboard.press("s")
    expect(page.locator(".codes")).to_contain_text('"FeatureCollection"')
