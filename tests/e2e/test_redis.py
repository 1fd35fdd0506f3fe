"""Two servers over one library and one Redis, which is killed, stopped and emptied."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from harness import DEMO, Server, until

READ = "/v1/videos/cup.mp4/entries"
TOKEN = "rushes-token"
# Nobody looks at the library by itself within the test: what is seen at once is seen by the token.
SELDOM = ("--staleness", "1h")


class Redis:
    """A `redis-server` on a port of its own, without files."""

    def __init__(self, folder: Path):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.start()

    def start(self):
        """Starts it, empty, and waits until it answers."""
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder))
        admin = ("--user", "admin", "on", ">secret", "~*", "&*", "+@all")
        command = ("redis-server", *where, *admin, "--save", "", "--appendonly", "no")
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self.answers, "Redis answers")

    def answers(self) -> bool:
        assert self.process.poll() is None, "Redis did not start"
        return self.ask("ping") == "PONG"

    def ask(self, *command: str) -> str:
        """What `redis-cli` prints."""
        user = ("--user", "admin", "--pass", "secret", "--no-auth-warning")
        asked = ("redis-cli", "-p", str(self.port), *user, *command)
        return subprocess.run(asked, capture_output=True, timeout=30).stdout.decode().strip()

    def kill(self):
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait(30)

    def shut_out(self):
        """Answers none of the servers any more, and keeps what it has."""
        self.ask("acl", "setuser", "default", "off")
        self.ask("client", "kill", "user", "default")

    def let_in(self):
        """Answers them again."""
        self.ask("acl", "setuser", "default", "on")


@pytest.fixture
def redis(tmp_path):
    redis = Redis(tmp_path)
    yield redis
    redis.kill()


@pytest.fixture
def library(fresh, redis):
    """A library with one video, whose processes share the Redis."""
    fresh.events("ingest", DEMO / "cup.mp4", "--no-sidecars")
    fresh.env["RUSHES_REDIS"] = f"redis://127.0.0.1:{redis.port}"
    return fresh


@pytest.fixture
def servers(library, tmp_path):
    both = [Server(library, tmp_path / f"log{number}", *SELDOM) for number in range(2)]
    yield both
    for server in both:
        server.stop()


def write(server: Server, text: str) -> str:
    """Imports a caption in place of all others; the token."""
    record = json.dumps({"start": 0, "end": 1, "text": text})
    query = {"kind": "caption", "replace": True}
    answer = server.http.post(READ, params=query, content=record)
    assert answer.status_code in (200, 201), answer.text
    return answer.headers[TOKEN]


def read(server: Server, token: str | None = None) -> dict:
    headers = {} if token is None else {TOKEN: token}
    answer = server.http.get(READ, params={"kind": "caption"}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def texts(page: dict) -> list[str]:
    return [entry["data"]["text"] for entry in page["items"]]


def search_anew(server: Server, text: str) -> int:
    """How many entries a search finds that this server's memory does not have yet."""
    server.asked = getattr(server, "asked", 0) + 1
    return len(server.get("/v1/search", text=text, limit=server.asked)["items"])


def figure(server: Server, name: str) -> float:
    """A figure of Redis as `/metrics` tells it."""
    lines = server.http.get("/metrics").text.splitlines()
    name = f"rushes_cache_tiers_redis_{name} "
    [figure] = [line.removeprefix(name) for line in lines if line.startswith(name)]
    return float(figure)


def test_a_write_through_one_server_is_seen_through_the_other_by_its_token(servers):
    one, other = servers
    write(one, "turn 0")
    assert texts(read(one)) == ["turn 0"]
    for turn in range(1, 6):
        read(other)
        token = write(one, f"turn {turn}")
        assert texts(read(other, token)) == [f"turn {turn}"], "older than its token"
        # Without a token it hears of it by Redis.
        token = write(other, f"answer {turn}")
        until(lambda: texts(read(one)) == [f"answer {turn}"], "the other's write is heard of")
    wrong = other.http.get(READ, headers={TOKEN: "of nobody"})
    assert wrong.status_code == 400 and "token" in wrong.json()["detail"]


def test_what_one_server_read_the_other_finds_in_redis(servers):
    one, other = servers
    write(one, "shared")

    def found() -> bool:
        # The one loads it, the other finds it.
        assert search_anew(one, "shared") == search_anew(other, "shared") == 1
        return figure(other, "hits") > 0

    until(found, "a hit in Redis")
    assert figure(one, "puts") > 0


def test_reads_go_on_without_redis_and_tell_nothing_old_when_it_is_back(servers, redis):
    one, other = servers
    write(one, "before")
    assert texts(read(other)) == ["before"]
    redis.kill()
    for turn in range(20):
        token = write(one, f"without {turn}")
        assert texts(read(one)) == [f"without {turn}"]
        assert texts(read(other, token)) == [f"without {turn}"]
    for server in servers:
        until(lambda: read(server) and figure(server, "resting") == 1, "Redis is left alone")
        stats = server.get("/v1/cache")
        assert stats["tiers"]["redis"]["resting"] == 1
        assert stats["stale_total"] == 0
    redis.start()
    for server in servers:
        assert texts(read(server)) == ["without 19"]
        until(lambda: figure(server, "resting") == 0, "Redis is asked again")
        assert texts(read(server)) == ["without 19"]
    token = write(other, "after")
    assert texts(read(one, token)) == ["after"]


def test_who_dies_owing_an_invalidation_leaves_nothing_old(library, servers, redis, tmp_path):
    one, other = servers
    write(one, "old")
    read(one), read(other)
    until(lambda: figure(one, "puts") > 0, "the old page is in Redis")
    redis.shut_out()
    write(one, "new")
    for server in servers:
        server.process.kill()
        server.process.wait(30)
    redis.let_in()
    assert int(redis.ask("dbsize")) > 0, "what could be told is gone: nothing is tested"
    heirs = [Server(library, tmp_path / f"heir{number}", *SELDOM) for number in range(2)]
    for server in heirs:
        assert texts(read(server)) == ["new"]
        # Not only because it leaves Redis alone yet.
        until(lambda: search_anew(server, "new") == 1 and figure(server, "hits") > 0, "a hit")
        assert search_anew(server, "old") == 0
        server.stop()
    servers.clear()


def test_a_password_is_told_to_nobody(library, tmp_path):
    library.env["RUSHES_REDIS"] = "redis://:s3cret@127.0.0.1:1"
    server = Server(library, tmp_path / "log", "-vv")
    server.http.get("/v1/videos")
    told = "".join(server.http.get(path).text for path in ("/v1/stats", "/metrics"))
    server.stop()
    assert "s3cret" not in told + (tmp_path / "log").read_text()
    refused = library.run("--redis", "redis://:s3cret@", "ls", status=None)
    assert refused.returncode != 0 and b"s3cret" not in refused.stdout + refused.stderr
