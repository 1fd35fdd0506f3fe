"""The page in a real browser."""

import json
import shutil

import pytest
from selenium.common.exceptions import NoAlertPresentException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness import CLIPS, DEMO, Server, until


class Page:
    """The page, as a person uses it: it waits for what should appear."""

    def __init__(self, browser, server):
        self.browser = browser
        self.url = server.url

    def open(self, place: str = ""):
        # Two addresses that differ after the hash only are one document: leave it in between.
        self.browser.get("about:blank")
        self.browser.get(f"{self.url}/{place}")
        return self

    def all(self, css: str) -> list:
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str, saying: str = ""):
        def found():
            try:
                return next((node for node in self.all(css) if saying in node.text), None)
            except StaleElementReferenceException:
                return None

        return until(found, f"{css} with {saying!r} on the page")

    def texts(self, css: str) -> list[str]:
        """What is written in each place, read in one go: the page redraws while it is read."""
        script = "return [...document.querySelectorAll(arguments[0])].map((n) => n.innerText.trim())"
        return self.run(script, css)

    def text(self, css: str, saying: str = "") -> str:
        """What is written in the first place that says so, once there is one."""
        found = until(
            lambda: [text for text in self.texts(css) if saying in text],
            f"{css} with {saying!r} on the page",
        )
        return found[0]

    def run(self, script: str, *arguments):
        return self.browser.execute_script(script, *arguments)

    def clock(self) -> str:
        return self.text("#time")

    def until_clock(self, time: str):
        until(lambda: self.clock() == time, f"the clock at {time}")

    def moment(self) -> float:
        """Second that the video element shows."""
        return self.run("return document.querySelector('video').currentTime")

    def until_ready(self):
        ready = (
            "const v = document.querySelector('video'); return v && v.readyState >= 2 && !v.seeking"
        )
        until(lambda: self.run(ready), "the video can be shown")

    def differs_from_frame(self, video: str, at: float) -> float:
        """Mean difference, 0 to 255, between the player's picture and the server's frame."""
        script = """
            const [address, done] = arguments;
            const picture = new Image();
            picture.onload = () => {
              const pixels = (source) => {
                const canvas = new OffscreenCanvas(80, 60).getContext('2d');
                canvas.drawImage(source, 0, 0, 80, 60);
                return canvas.getImageData(0, 0, 80, 60).data;
              };
              const one = pixels(document.querySelector('video')), other = pixels(picture);
              done(one.reduce((sum, value, i) => sum + Math.abs(value - other[i]), 0) / one.length);
            };
            picture.src = address;"""
        address = f"/v1/videos/{video}/frame?at={at}"
        return self.browser.execute_async_script(script, address)

    def press(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)

    def troubles(self) -> list[str]:
        return [
            entry["message"]
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE"
        ]


@pytest.fixture
def page(browser, server):
    page = Page(browser, server)
    page.troubles()
    yield page
    assert page.troubles() == []


def painted(page, css: str, count: int):
    """So many pictures below `css` were loaded and have pixels."""
    script = """return [...document.querySelectorAll(arguments[0])]
        .filter((image) => image.complete && image.naturalWidth).length"""
    until(lambda: page.run(script, css) == count, f"{count} pictures at {css}")


def test_the_library_shows_each_video_with_its_picture_length_and_kinds(page):
    page.open()
    until(lambda: len(page.all(".card")) == len(CLIPS), "a card for each clip")
    painted(page, ".card img", len(CLIPS))

    def card() -> str:
        return page.text(".card", "obama_speech.mp4")

    until(lambda: "Transcript4" in "".join(card().split()), "its kinds and counts")
    assert "0:08.8" in card() and "320×240" in card()


def test_a_click_leads_into_the_video_and_each_kind_has_its_lane(page):
    page.open()
    page.one(".card", "obama_speech.mp4").click()
    page.one("h1.title", "obama_speech.mp4")
    until(lambda: len(page.all(".lane.caption .block")) == 6, "six captions")
    kinds = [lane.get_attribute("data-kind") for lane in page.all(".lane")]
    assert kinds == ["frame", "caption", "transcript", "object", "ocr"]
    spoken = page.texts(".lane.transcript .block")
    assert spoken[0] == "Today, after two years of negotiations,"
    runs = {
        run.get_attribute("data-label"): run.get_attribute("data-count")
        for run in page.all(".lane.object .run")
    }
    assert runs == {"person": "22", "lectern": "4", "flag": "11"}
    painted(page, ".lane.frame img", 9)


def test_blocks_stand_where_their_times_are(page, ids):
    page.open(f"#/video/{ids['obama_speech.mp4']}")
    until(lambda: len(page.all(".lane.transcript .block")) == 4, "the transcript")
    places = page.run("""
        const wide = document.querySelector('.inner').getBoundingClientRect();
        return [...document.querySelectorAll('.lane.transcript .block')].map((block) => {
          const box = block.getBoundingClientRect();
          return [(box.left - wide.left) / wide.width, box.width / wide.width];
        })""")
    whole = page.run("return document.querySelector('.clock .of').textContent")
    seconds = float(whole.split(":")[1])
    sidecar = json.loads((DEMO / "obama_speech.transcript.json").read_text())
    for (left, width), said in zip(places, sidecar["segments"], strict=True):
        assert left * seconds == pytest.approx(said["start"], abs=0.03)
        assert width * seconds == pytest.approx(said["end"] - said["start"], abs=0.03)


def test_a_click_on_a_caption_seeks_the_player_to_its_start(page, ids):
    page.open(f"#/video/{ids['obama_speech.mp4']}")
    page.until_ready()
    page.one(".lane.caption .block", "The man behind turns").click()
    page.until_clock("0:05.00")
    page.until_ready()
    assert page.moment() == pytest.approx(5.0, abs=0.01)
    assert page.differs_from_frame(ids["obama_speech.mp4"], at=5.0) < 12
    assert page.differs_from_frame(ids["obama_speech.mp4"], at=0.0) > 12
    page.one(".now-list", "The man behind turns")
    until(lambda: "at=5" in page.browser.current_url, "the address follows the player")


def test_the_moment_shows_its_entries_and_boxes(page, ids):
    page.open(f"#/video/{ids['obama_speech.mp4']}?at=1.5")
    page.one(".now-list section[data-kind=transcript]", "Today, after two years")
    assert not page.all(".now-list section[data-kind=ocr]")
    until(lambda: len(page.all(".boxes rect")) == 4, "boxes of two persons, flag and lectern")
    drawn = page.run("""
        return [...document.querySelectorAll('.boxes rect')].map((box) => [
          box.nextElementSibling.textContent,
          ...["x", "y", "width", "height"].map((side) => box[side].baseVal.value),
        ])""")
    assert ["lectern", 82, 195, 228, 45] in drawn


def test_evidence_is_played_to_its_end_and_no_further(page, ids):
    page.open(f"#/video/{ids['obama_speech.mp4']}?at=4.5")
    page.until_ready()
    page.one(".now-list section[data-kind=transcript] [aria-label='Play this evidence']").click()
    until(lambda: page.moment() > 4.6, "the player runs")
    until(lambda: page.run("return document.querySelector('video').paused"), "the player stops")
    assert 5.31 <= page.moment() < 5.9


def test_a_reference_on_the_page_is_one_that_the_server_resolves(page, server, ids):
    page.open(f"#/video/{ids['obama_speech.mp4']}?at=4.5")
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.one(".now-list section[data-kind=transcript] [aria-label='Copy reference']").click()
    reference = until(lambda: page.run("return window.copied"), "a reference was copied")
    cited = server.get(f"/v1/cite/{reference.replace('#', '%23')}")
    assert cited["text"] == "the United States,"


def test_keys_play_step_and_hop(page, ids):
    page.open(f"#/video/{ids['cup.mp4']}?at=0")
    page.until_ready()
    page.press("j")
    page.until_clock("0:01.30")
    page.press("j")
    page.until_clock("0:02.40")
    page.press("k")
    page.until_clock("0:01.30")
    page.press(Keys.ARROW_RIGHT)
    page.until_clock("0:02.30")
    page.press(Keys.SPACE)
    until(lambda: page.moment() > 2.5, "space plays")
    page.press(Keys.SPACE)
    until(lambda: page.run("return document.querySelector('video').paused"), "space stops")
    page.press("/")
    assert page.browser.switch_to.active_element.get_attribute("id") == "query"


def test_a_file_the_browser_cannot_play_is_stepped_by_its_frames(page, ids):
    page.open(f"#/video/{ids['tree.avi']}?at=25.1")
    page.one(".note", "cannot play")
    painted(page, "img.still", 1)
    assert "25.1" in page.run("return document.querySelector('img.still').src")
    page.press("j")
    page.until_clock("0:25.20")
    page.one(".now-list", "The open hand passes")
    # The failed load of the file itself is told by the browser, and is no fault of the page.
    page.troubles()


def test_search_leads_to_the_moment(page, ids):
    page.open()
    page.press("/")
    page.press("chandelier", Keys.ENTER)
    result = page.one(".result", "chandelier")
    assert page.texts("mark") == ["chandelier"]
    result.click()
    page.one("h1.title", "obama_speech.mp4")
    page.until_clock("0:02.75")
    page.one(".now-list", "a chandelier hangs behind")


def test_search_finds_objects_by_class_as_one_moment(page):
    page.open("#/search?text=hand")
    found = page.one(".result", "15 detections")
    assert "tree.avi" in found.text and "0:23.13–0:29.53" in found.text


def test_what_an_agent_gets_is_shown_with_its_cost(page, ids):
    page.open(f"#/video/{ids['obama_speech.mp4']}?at=4.5")
    page.until_ready()
    page.one("#ask").click()
    told = page.text("dialog .facts", "of 1,000 tokens")
    assert 0 < int(told.split(" ")[0].replace(",", "")) <= 1000
    assert "the United States," in page.text("dialog pre", "United")
    painted(page, "dialog .sheet", 1)
    page.press(Keys.ESCAPE)
    until(lambda: not page.all("dialog"), "the dialog is closed")


def test_the_cache_figures_change_with_reads(page, server, ids):
    page.open("#/cache")

    def number() -> int:
        return int(page.text("#reads").replace(",", ""))

    before = number()
    for _ in range(40):
        server.get(f"/v1/videos/{ids['cup.mp4']}/entries", kind="caption")
    until(lambda: number() >= before + 40, "forty more reads")
    assert page.text(".figure[data-tier=memory] .hits").endswith("%")
    held = page.text(".figure[data-tier=memory] .held")
    assert " of " in held and not held.startswith("–")
    assert page.text("tr[data-tier=memory] td").endswith("s")
    ahead = page.text(".figure.ahead")
    assert "learned" in ahead and "right (precision)" in ahead


def test_hostile_names_and_texts_stay_text(page, fresh, tmp_path):
    name = "<img src=x onerror=alert(1)>.mp4"
    clip = tmp_path / "clip.mp4"
    shutil.copy(DEMO / "cup.mp4", clip)
    fresh.events("ingest", clip, "--name", name, "--no-sidecars")
    sidecar = tmp_path / "evil.jsonl"
    sidecar.write_text(
        json.dumps({"start": 0, "end": 8, "text": "<script>alert(2)</script><b>bold</b>"}) + "\n"
    )
    fresh.run("import", name, "--captions", sidecar)
    other = Server(fresh, tmp_path / "log")
    try:
        hostile = Page(page.browser, other)
        hostile.open().one(".card", name).click()
        hostile.one("h1.title", name)
        hostile.one(".now-list", "<script>alert(2)</script><b>bold</b>")
        assert not hostile.all("main b script, .entry b, h1 img")
        with pytest.raises(NoAlertPresentException):
            page.browser.switch_to.alert.accept()
    finally:
        page.browser.get("about:blank")
        other.stop()


def test_an_unknown_video_is_told_and_leads_back(page):
    page.open("#/video/ffffffffffffffff")
    assert "ffffffffffffffff" in page.text("[role=alert]")
    page.one("[role=alert] a").click()
    page.one(".card", "cup.mp4")
    # The browser itself notes the 404 that the page asked for.
    page.troubles()


def test_the_page_fits_a_narrow_window(page, ids):
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        for place in ("", f"#/video/{ids['obama_speech.mp4']}", "#/cache", "#/search?text=cup"):
            page.open(place)
            page.one("main > *")
            assert page.run("return document.documentElement.scrollWidth") <= 390, place
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
