"""Rushes: the data plane for video agents, in-process.

    import rushes

    library = rushes.open("my-videos")
    video = library.ingest("talk.mp4")["video"]
    print(library.context(video=video, at=42.0)["text"])

Times are seconds of media time. Answers are plain dictionaries and lists; images come as
``(bytes, facts)``. Every failure is a ``RushesError``; its subclass says what to do about it.
"""

from __future__ import annotations

from os import PathLike
from typing import Any

from ._rushes import (
    BusyError,
    CorruptError,
    GoneError,
    InvalidError,
    Library,
    NotFoundError,
    RushesError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)

__all__ = [
    "BusyError",
    "CorruptError",
    "GoneError",
    "InvalidError",
    "Library",
    "NotFoundError",
    "RushesError",
    "TooLargeError",
    "UnavailableError",
    "UnsupportedError",
    "open",
]


def open(folder: str | PathLike[str] | None = None, **settings: Any) -> Library:  # noqa: A001
    """Opens a library, making it if it is not there.

    Without a folder it is the one of the settings (``RUSHES_LIBRARY``, ``rushes.toml``, else the
    user's data folder). Settings are those of ``docs/configuration.md``, as ``memory="1GB"``.
    """
    return Library(folder, **settings)
