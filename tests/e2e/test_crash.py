"""Killed at any point, an ingest leaves nothing half, and the next one makes it whole."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness import DEMO, Library, facts, until

EVERY = "100ms"


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A clip long enough to be interrupted and small enough to be quick: the rabbit, five times."""
    file = tmp_path_factory.mktemp("film") / "film.mp4"
    source = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-stream_loop",
        "4",
        "-i",
        DEMO / "bigbuckbunny.mp4",
    ]
    shape = ["-an", "-vf", "scale=320:180", "-c:v", "libx264", "-preset", "ultrafast"]
    subprocess.run([*source, *shape, file], check=True)
    return file


@pytest.fixture(scope="module")
def whole(film, tmp_path_factory) -> list[tuple]:
    """What an ingest that nobody disturbs makes of the film."""
    library = Library(tmp_path_factory.mktemp("undisturbed"))
    library.events("ingest", film, "--every", EVERY)
    frames = facts(library.timeline("film.mp4", "frame"))
    assert len(frames) > 200
    return frames


def children(pid: int) -> list[int]:
    """Processes that this one started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(after_name[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def killed_when(library: Library, film: Path, reached) -> list[int]:
    """Starts the ingest, kills it when an event satisfies `reached`; answers its children."""
    process = library.start(
        "ingest",
        film,
        "--every",
        EVERY,
        "--json",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for line in process.stdout:
        if reached(json.loads(line)):
            break
    else:
        raise AssertionError("the ingest ended before it could be killed")
    started = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return started


POINTS = {
    "probed": lambda event: event["event"] == "probed",
    "first frames": lambda event: event["event"] == "progress" and event["frames"] >= 1,
    "half": lambda event: event["event"] == "progress" and event["done"] >= event["duration"] / 2,
    "nearly done": lambda event: (
        event["event"] == "progress" and event["done"] >= event["duration"] * 0.9
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_ingest_is_invisible_and_the_next_makes_it_whole(fresh, film, whole, point):
    orphans = killed_when(fresh, film, POINTS[point])
    until(lambda: not any(map(runs, orphans)), "ffmpeg ends with its parent")
    for video in fresh.ask("ls")["items"]:
        page = fresh.ask("show", video["id"], "--kind", "frame", "--limit", 1000)
        assert page["items"] == [] and page["never_computed"] == ["frame"]
    done = fresh.events("ingest", film, "--every", EVERY)[-1]
    assert done["event"] == "ingested" and not done["unchanged"]
    assert facts(fresh.timeline("film.mp4", "frame")) == whole
    assert len(fresh.ask("ls")["items"]) == 1
    again = fresh.events("ingest", film, "--every", EVERY)[-1]
    assert again["unchanged"]


def test_an_ingest_killed_time_after_time_still_ends_whole(fresh, film, whole):
    for share in (0.2, 0.4, 0.6):

        def reached(event: dict, share=share) -> bool:
            return event["event"] == "progress" and event["done"] >= event["duration"] * share

        killed_when(fresh, film, reached)
    fresh.events("ingest", film, "--every", EVERY)
    assert facts(fresh.timeline("film.mp4", "frame")) == whole


def test_an_interrupted_ingest_says_so_and_leaves_nothing_half(fresh, film):
    process = fresh.start(
        "ingest",
        film,
        "--every",
        EVERY,
        "--json",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for line in process.stdout:
        if json.loads(line)["event"] == "progress":
            break
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.wait(45) == 130
    for video in fresh.ask("ls")["items"]:
        assert fresh.ask("show", video["id"], "--kind", "frame")["items"] == []
