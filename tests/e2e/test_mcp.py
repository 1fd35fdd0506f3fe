"""The tools as agents reach them: the official client over standard input and output and HTTP."""

import asyncio
import base64
import struct
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from mcp import Client, StdioServerParameters

from harness import Server, binary

TOOLS = {
    "list_videos",
    "search",
    "video_context",
    "entries",
    "sheet",
    "frame",
    "burst",
    "cite",
    "remember",
    "recall",
}


class Agent:
    """An MCP client that a test calls without `await`."""

    def __init__(self, reach):
        self.reach = reach

    def __call__(self, tool: str, **arguments):
        return self.session(lambda client: client.call_tool(tool, arguments))

    def ask(self, tool: str, **arguments) -> dict:
        """The structured answer of a call that must succeed."""
        result = self(tool, **arguments)
        assert not result.is_error, result.content
        return result.structured_content

    def session(self, work):
        async def run():
            async with self.reach() as client:
                return await work(client)

        return asyncio.run(asyncio.wait_for(run(), 120))


def by(way, mode: str = "auto") -> Agent:
    """An agent that comes in this way."""

    @asynccontextmanager
    async def reach():
        async with Client(way, mode=mode, read_timeout_seconds=60) as client:
            yield client

    return Agent(reach)


def by_process(library) -> Agent:
    return by(StdioServerParameters(command=str(binary()), args=["mcp"], env=library.env))


@pytest.fixture(params=["stdio", "http", "http, initialized"])
def agent(request, library) -> Agent:
    """The tools by each way in: a process for each client, stateless HTTP, the older handshake."""
    if request.param == "stdio":
        return by_process(library)
    mode = "legacy" if "initialized" in request.param else "auto"
    return by(request.getfixturevalue("server").url + "/mcp", mode)


@pytest.fixture(params=["stdio", "http"])
def asker(request, library, tmp_path):
    """An agent that may ask with SQL: the owner's own process, or a server that allows it."""
    if request.param == "stdio":
        yield by_process(library)
        return
    server = Server(library, tmp_path / "log", "--sql-http", "true")
    yield by(server.url + "/mcp")
    server.stop()


def images(result) -> list:
    return [block for block in result.content if block.type == "image"]


def assert_each_image_follows_its_time(result, times: list[str]):
    """The block before each image is text that names the time of the frame."""
    before = [
        earlier.text
        for earlier, block in pairwise(result.content)
        if block.type == "image" and earlier.type == "text"
    ]
    assert len(before) == len(images(result)) == len(times)
    for text, time in zip(before, times, strict=True):
        assert time in text, f"{time} is not in {text!r}"


def webp_width(block) -> int:
    data = base64.b64decode(block.data)
    assert data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    assert data[12:16] == b"VP8 ", "lossy pictures are plain VP8"
    return struct.unpack_from("<H", data, 26)[0] & 0x3FFF


def test_the_tools_are_listed_with_schemas_and_said_to_be_safe(agent):
    tools = {tool.name: tool for tool in agent.session(lambda client: client.list_tools()).tools}
    # Over the network SQL has to be allowed.
    assert set(tools) - {"sql"} == TOOLS
    for name, tool in tools.items():
        assert tool.description and tool.input_schema["type"] == "object"
        assert tool.annotations.read_only_hint == (name != "remember")


def test_an_agent_finds_a_moment_reads_around_it_and_cites_it(agent, ids):
    speech = ids["obama_speech.mp4"]
    found = agent.ask("search", text="negotiations")["items"]
    assert [(item["video"], item["kind"], item["start"]) for item in found] == [
        (speech, "transcript", 1.05)
    ]
    context = agent.ask("video_context", video=speech, at=found[0]["start"], budget=300)
    assert found[0]["reference"] in context["text"]
    assert 0 < context["tokens"] <= context["budget"] == 300
    cited = agent.ask("cite", reference=found[0]["reference"])
    assert cited["text"] == "Today, after two years of negotiations,"


def test_a_context_never_passes_its_budget(agent, ids):
    for budget in (40, 80, 160):
        context = agent.ask("video_context", video=ids["obama_speech.mp4"], at=4, budget=budget)
        assert context["tokens"] <= budget
        assert context["left_out"] > 0


def test_objects_are_found_by_class(agent, ids):
    found = agent.ask("search", label="hand", limit=100)["items"]
    assert {item["video"] for item in found} == {ids["cup.mp4"], ids["tree.avi"]}
    in_tree = [item["start"] for item in found if item["video"] == ids["tree.avi"]]
    assert min(in_tree) == pytest.approx(23.133449) and len(in_tree) == 15


def test_entries_come_page_by_page_and_whole(agent, ids):
    cup, pages, cursor = ids["cup.mp4"], [], None
    while True:
        page = agent.ask("entries", video=cup, kinds=["object"], limit=10, cursor=cursor)
        pages.append(page["items"])
        cursor = page.get("next")
        if not cursor:
            break
    entries = [entry for page in pages for entry in page]
    assert [len(page) for page in pages] == [10, 10, 10, 4]
    assert len({entry["id"] for entry in entries}) == 34
    assert entries == sorted(entries, key=lambda entry: entry["start"])


def test_sql_is_answered_and_cannot_write(asker, ids):
    counted = asker.ask(
        "sql",
        sql="SELECT name, count(*) AS n FROM timeline WHERE label = ? GROUP BY video ORDER BY name",
        params=["hand"],
    )
    assert counted["columns"] == ["name", "n"]
    assert [name for name, _ in counted["rows"]] == ["cup.mp4", "tree.avi"]
    found = asker.ask("search", label="hand", videos=[ids["cup.mp4"]], limit=100)["items"]
    assert counted["rows"][0][1] == len(found)
    for hostile in (
        "DELETE FROM entries",
        "ATTACH '/etc/passwd' AS x",
        "SELECT load_extension('x')",
        "PRAGMA journal_mode = DELETE",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c",
        "SELECT randomblob(2000000000)",
    ):
        refused = asker("sql", sql=hostile)
        assert refused.is_error and len(refused.content[0].text) > 20, hostile


def test_sql_over_the_network_needs_leave(server):
    refused = by(server.url + "/mcp")("sql", sql="SELECT 1")
    assert refused.is_error and "--sql-http" in refused.content[0].text


def test_never_computed_is_told_from_none_found(agent, ids):
    silent = agent.ask("entries", video=ids["cup.mp4"], kinds=["transcript"])
    assert silent["items"] == [] and silent["never_computed"] == ["transcript"]
    early = agent.ask("entries", video=ids["obama_speech.mp4"], kinds=["ocr"], to=1)
    assert early["items"] == [] and early["never_computed"] == []


def test_a_frame_comes_after_its_time_in_the_width_asked_for(agent, ids):
    result = agent("frame", video=ids["bigbuckbunny.mp4"], at=2.01, width="overview")
    assert_each_image_follows_its_time(result, ["0:00:02.000"])
    assert images(result)[0].mime_type == "image/webp"
    assert webp_width(images(result)[0]) == 448


def test_a_burst_shows_native_frames_each_after_its_time(agent, ids):
    result = agent(
        "burst", video=ids["bigbuckbunny.mp4"], **{"from": 1, "to": 1.2}, count=5, width=160
    )
    times = ["0:00:01.000", "0:00:01.040", "0:00:01.080", "0:00:01.120", "0:00:01.160"]
    assert_each_image_follows_its_time(result, times)
    assert {webp_width(image) for image in images(result)} == {160}
    assert "limits" in result.content[-1].text and "12 images" in result.content[-1].text


def test_too_many_images_are_refused_with_what_would_fit(agent, ids):
    refused = agent("burst", video=ids["bigbuckbunny.mp4"], **{"from": 0, "to": 5}, count=50)
    assert refused.is_error and not images(refused)
    assert "count=12" in refused.content[0].text
    window = {"from": 0, "to": 5}
    fits = agent("burst", video=ids["bigbuckbunny.mp4"], **window, count=12, width="overview")
    assert not fits.is_error and len(images(fits)) == 12


def test_a_sheet_says_what_its_cells_show_and_costs(agent, ids):
    result = agent("sheet", video=ids["tree.avi"], **{"from": 20, "to": 29}, cell=160)
    assert not result.is_error, result.content
    (image,) = images(result)
    assert image.mime_type == "image/jpeg" and base64.b64decode(image.data)[:2] == b"\xff\xd8"
    sheet = result.structured_content["sheet"]
    assert len(sheet["cells"]) == 9
    assert all(20 <= cell["at"] < 29 for cell in sheet["cells"])
    assert sheet["tokens"] and all(cost > 0 for cost in sheet["tokens"].values())


def test_a_dry_run_states_the_cost_and_sends_no_image(agent, ids):
    dry = agent("frame", video=ids["bigbuckbunny.mp4"], at=1, width="detail", dry_run=True)
    wet = agent("frame", video=ids["bigbuckbunny.mp4"], at=1, width="detail")
    assert not images(dry) and len(images(wet)) == 1
    stated, true = (result.structured_content["frames"][0] for result in (dry, wet))
    assert stated["tokens"] == true["tokens"] and stated["width"] == true["width"] == 896


def test_the_conversation_is_remembered(agent, ids):
    said = f"the cup was turned ({id(agent)})"
    agent.ask("remember", video=ids["cup.mp4"], role="assistant", content=said)
    messages = agent.ask("recall", video=ids["cup.mp4"])["items"]
    assert messages[-1]["content"] == said and messages[-1]["role"] == "assistant"


@pytest.mark.parametrize(
    ("tool", "arguments", "word"),
    [
        ("frame", {"video": "ffffffffffffffff", "at": 1}, "ffffffffffffffff"),
        ("entries", {"video": "cup.mp4", "from": 5, "to": 1}, "from"),
        ("entries", {"video": "cup.mp4", "limit": 1_000_000_000}, "1000"),
        ("frame", {"video": "cup.mp4", "at": -1}, "0 or more"),
        ("search", {"txet": "cup"}, "txet"),
    ],
)
def test_a_wrong_call_is_refused_in_words(agent, library, tool, arguments, word):
    refused = agent(tool, **arguments)
    assert refused.is_error and word in refused.content[0].text, refused.content
