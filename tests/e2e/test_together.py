"""A server and commands on one library at once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import DEMO, Server, until

# The setting `staleness` is 2 ms unless changed; a read after that must see a finished command.
BOUND = 0.002


@pytest.fixture
def served(fresh, tmp_path):
    fresh.events("ingest", DEMO / "cup.mp4", "--no-sidecars")
    server = Server(fresh, tmp_path / "log")
    yield fresh, server
    server.stop()


def captions(server: Server) -> list[str]:
    page = server.get("/v1/videos/cup.mp4/entries", kind="caption", limit=1000)
    return [entry["data"]["text"] for entry in page["items"]]


def write(path, texts: list[str]):
    records = ({"start": n, "end": n + 1, "text": text} for n, text in enumerate(texts))
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_what_a_command_imports_the_server_tells_at_its_next_read(served, tmp_path):
    library, server = served
    expected: list[str] = []
    for turn in range(5):
        assert captions(server) == expected, "warm the cache"
        assert captions(server) == expected
        texts = [f"turn {turn} line {n}" for n in range(3)]
        library.run(
            "import",
            "cup.mp4",
            "--captions",
            write(tmp_path / "c.jsonl", texts),
            "--replace",
            "--model",
            f"m{turn}",
        )
        expected = texts
        time.sleep(BOUND)  # the stated bound itself, not a wait for a condition
        assert captions(server) == expected, f"turn {turn}: stale after the stated bound"


def test_search_and_context_follow_a_commands_import_too(served, tmp_path):
    library, server = served

    def found() -> list[dict]:
        return server.get("/v1/search", text="zeppelin")["items"]

    def told() -> str:
        return server.get("/v1/videos/cup.mp4/context", at=0)["text"]

    assert found() == [] and "zeppelin" not in told()
    library.run(
        "import", "cup.mp4", "--captions", write(tmp_path / "z.jsonl", ["a zeppelin passes"])
    )
    time.sleep(BOUND)
    assert len(found()) == 1 and "zeppelin" in told()


def test_a_video_that_a_command_removes_is_gone_from_the_server(served):
    library, server = served
    video = server.get("/v1/videos/cup.mp4")["id"]
    assert server.http.get(f"/v1/videos/{video}/frame", params={"at": 1}).status_code == 200
    library.run("rm", video)
    time.sleep(BOUND)
    for path in ("", "/frame?at=1", "/thumbnail", "/entries", "/context?at=1"):
        answer = server.http.get(f"/v1/videos/{video}{path}")
        assert answer.status_code in (404, 410), f"{path}: {answer.status_code}"
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_what_the_server_takes_in_commands_see_at_once(served):
    library, server = served
    body = (DEMO / "tree.avi").read_bytes()
    made = server.http.post("/v1/videos", params={"name": "uploaded.avi"}, content=body)
    assert made.status_code == 201, made.text
    names = {video["name"] for video in library.ask("ls")["items"]}
    assert names == {"cup.mp4", "uploaded.avi"}
    again = server.http.post("/v1/videos", params={"name": "uploaded.avi"}, content=body)
    assert again.status_code == 200 and again.json()["unchanged"]


def test_writers_of_both_sides_lose_nothing(served, tmp_path):
    library, server = served

    def by_command(n: int) -> bool:
        file = write(tmp_path / f"w{n}.jsonl", [f"command {n}"])
        asked = ("import", "cup.mp4", "--captions", file, "--model", f"command-{n}")
        return accepted(library.run(*asked, status=None).returncode, done=(0,), busy=5)

    def by_server(n: int) -> bool:
        record = json.dumps({"start": n, "end": n + 1, "text": f"server {n}"})
        query = {"kind": "caption", "model": f"server-{n}"}
        answer = server.http.post("/v1/videos/cup.mp4/entries", params=query, content=record)
        return accepted(answer.status_code, done=(200, 201), busy=409)

    def accepted(code: int, done: tuple[int, ...], busy: int) -> bool:
        """One writer a video at a time: the others are told so and come again."""
        assert code in (*done, busy)
        return code in done

    def insist(work, n: int):
        until(lambda: work(n), f"{work.__name__} {n} is accepted", patience=60)

    with ThreadPoolExecutor(8) as pool:
        works = (by_command, by_server)
        jobs = [pool.submit(insist, work, n) for n in range(6) for work in works]
        for job in jobs:
            job.result()
    time.sleep(BOUND)
    expected = sorted(f"{side} {n}" for n in range(6) for side in ("command", "server"))
    assert sorted(captions(server)) == expected
    assert sorted(e["data"]["text"] for e in library.timeline("cup.mp4", "caption")) == expected


def test_two_ingests_of_one_file_at_once_make_one_video(fresh):
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(fresh.run, "ingest", DEMO / "obama_speech.mp4", "--json", status=None)
            for _ in range(2)
        ]
        codes = sorted(job.result().returncode for job in both)
    # The second waits for the first, or is told that somebody writes the same thing.
    assert codes in ([0, 0], [0, 5])
    assert len(fresh.ask("ls")["items"]) == 1
    numbers = [frame["data"]["number"] for frame in fresh.timeline("obama_speech.mp4", "frame")]
    assert numbers == sorted(set(numbers)) and len(numbers) == 9
