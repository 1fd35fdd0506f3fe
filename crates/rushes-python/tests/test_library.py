"""The package as a Python developer meets it: open, ingest, ask."""

import pathlib

import pytest
import rushes

DEMO = pathlib.Path(__file__).parents[3] / "demo"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return rushes.open(tmp_path_factory.mktemp("library"), memory="16MB")


@pytest.fixture(scope="module")
def video(library):
    return library.ingest(DEMO / "obama_speech.mp4")["video"]


def test_ingest_is_idempotent(library, video):
    again = library.ingest(DEMO / "obama_speech.mp4")
    assert again["video"] == video
    assert again["unchanged"] is True


def test_context_speaks_within_its_budget(library, video):
    context = library.context(video=video, at=4.0, budget=300)
    assert 0 < context["tokens"] <= 300
    assert "speaker" in context["text"]


def test_search_leads_to_a_reference_that_resolves(library, video):
    found = library.search(text="negotiations")["items"][0]
    cited = library.cite(found["reference"])
    assert cited["entry"]["video"] == video


def test_frame_is_an_image(library, video):
    image, facts = library.frame(video=video, at=3.0, width="overview")
    assert image[8:12] == b"WEBP"
    assert facts["width"] <= 448


def test_failures_are_exceptions_of_their_kind(library, video):
    with pytest.raises(rushes.NotFoundError):
        library.context(video="nothing-of-that-name", at=1.0)
    with pytest.raises(rushes.InvalidError):
        library.entries(video=video, **{"from": 5.0, "to": 1.0})
    with pytest.raises(rushes.RushesError):
        library.import_file(video, "/nonexistent.srt")
