"""Runs the shipped binary: commands on a library, and the server."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo"
CLIPS = ("bigbuckbunny.mp4", "cup.mp4", "obama_speech.mp4", "tree.avi")


def binary() -> Path:
    """The binary under test: `RUSHES_BIN`, else cargo's debug build."""
    return Path(os.environ.get("RUSHES_BIN", ROOT / "target" / "debug" / "rushes")).resolve()


def until(condition, what: str, patience: float = 45.0):
    """Waits for a condition to hold and answers what it gave; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {patience} s still not: {what}")
        time.sleep(0.02)


class Library:
    """A library's folder and the commands run on it."""

    def __init__(self, folder: Path):
        self.folder = folder
        names = ("PATH", "HOME", "TMPDIR", "LANG")
        self.env = {name: os.environ[name] for name in names if name in os.environ}
        self.env["RUSHES_LIBRARY"] = str(folder)

    def run(self, *arguments, status: int | None = 0, **options) -> subprocess.CompletedProcess:
        """Runs a command and checks its exit status."""
        command = [binary(), *map(str, arguments)]
        done = subprocess.run(command, env=self.env, capture_output=True, timeout=90, **options)
        told = done.stderr.decode(errors="replace")
        assert "panicked" not in told, told
        if status is not None:
            assert done.returncode == status, f"{arguments}: {done.returncode}\n{told}"
        return done

    def ask(self, *arguments):
        """The answer of a command in JSON."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def events(self, *arguments, status: int | None = 0) -> list[dict]:
        """The JSON lines of a command that tells as it goes."""
        return lines(self.run(*arguments, "--json", status=status).stdout)

    def start(self, *arguments, **options) -> subprocess.Popen:
        """Starts a command in a process group of its own."""
        command = [binary(), *map(str, arguments)]
        return subprocess.Popen(command, env=self.env, process_group=0, **options)

    def timeline(self, video: str, kind: str) -> list[dict]:
        """All entries of one kind, page by page."""
        items, cursor = [], []
        while True:
            page = self.ask("show", video, "--kind", kind, "--limit", 1000, *cursor)
            items += page["items"]
            if "next" not in page:
                return items
            cursor = ["--cursor", page["next"]]


class Server:
    """`rushes serve` on a free port of the loopback."""

    def __init__(self, library: Library, log: Path, *arguments):
        self.log = log
        with log.open("wb") as sink:
            command = ("serve", "--addr", "127.0.0.1:0", "--json", *arguments)
            self.process = library.start(*command, stdout=subprocess.PIPE, stderr=sink)
        told = self.process.stdout.readline()
        assert told, f"the server did not start: {log.read_text()}"
        self.url = json.loads(told)["listening"]
        self.http = httpx.Client(base_url=self.url, timeout=90)

    def get(self, path: str, **query):
        """The JSON of a GET that must succeed."""
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def stop(self):
        """Ends the server as an operator does; it must go in peace and with a clean log."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(45) == 0
        told = self.log.read_text(errors="replace")
        assert "panicked" not in told and "ERROR" not in told, told


def lines(output: bytes) -> list[dict]:
    """JSON lines."""
    return [json.loads(line) for line in output.splitlines() if line.strip()]


def facts(entries: list[dict]) -> list[tuple]:
    """What entries say, without the ids that a library gave them."""
    return [(e["kind"], e["start"], e["end"], e["data"], e.get("blob")) for e in entries]
