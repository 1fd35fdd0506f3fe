"""What the tests share: one library with the demo's clips, its server, a browser, an MCP client."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from harness import CLIPS, DEMO, Library, Server, binary


def pytest_sessionstart(session):
    if not binary().is_file():
        pytest.exit(f"there is no {binary()}: run cargo build -p rushes-server", returncode=2)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """The demo's clips and the files beside them, in a folder of their own."""
    folder = tmp_path_factory.mktemp("clips")
    for file in DEMO.iterdir():
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="session")
def library(tmp_path_factory, clips) -> Library:
    """A library with the demo's clips. Shared: only read it."""
    library = Library(tmp_path_factory.mktemp("library"))
    told = library.events("ingest", clips)
    taken = {event["name"] for event in told if event.get("event") == "ingested"}
    assert taken == set(CLIPS), told
    return library


@pytest.fixture
def fresh(tmp_path) -> Library:
    """An empty library for one test."""
    return Library(tmp_path / "library")


@pytest.fixture(scope="session")
def server(library, tmp_path_factory):
    """The server of the shared library."""
    server = Server(library, tmp_path_factory.mktemp("server") / "log")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ids(server) -> dict[str, str]:
    """The id of each clip, by name."""
    return {video["name"]: video["id"] for video in server.get("/v1/videos")["items"]}


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    options = Options()
    options.binary_location = shutil.which("chromium") or "/usr/bin/chromium"
    profile = tempfile.mkdtemp(prefix="rushes-chromium-")
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
        "autoplay-policy=no-user-gesture-required",
        "window-size=1440,960",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = shutil.which("chromedriver") or "/usr/bin/chromedriver"
    quiet = Service(driver, log_output=subprocess.DEVNULL)
    browser = webdriver.Chrome(options=options, service=quiet)
    yield browser
    browser.quit()
    shutil.rmtree(profile, ignore_errors=True)
