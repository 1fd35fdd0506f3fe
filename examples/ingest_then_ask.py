"""Takes a video in and asks what is known at a moment, twice."""

import sys
import tempfile

import rushes

file, at = sys.argv[1], float(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    library = rushes.open(folder)
    video = library.ingest(file)["video"]
    for _ in range(2):
        context = library.context(video=video, at=at)
        print(context["text"])
        print("->", context["served"], "\n")
