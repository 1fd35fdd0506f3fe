-- The library: videos, what is known of them over time, conversations, and what each commit touched.

CREATE TABLE library (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,         -- commits so far that changed something visible
    next_entry INTEGER NOT NULL   -- the id that the next entry gets
) STRICT;
INSERT INTO library VALUES (1, 0, 1);

-- A row with ready = 0 only holds the place of a video whose ingest is under way: no read sees it.
CREATE TABLE videos (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    ready INTEGER NOT NULL DEFAULT 0,
    hash BLOB UNIQUE,
    name TEXT,
    path TEXT,
    media BLOB,
    size INTEGER,
    start REAL,
    duration REAL,
    probe TEXT,
    thumbnail BLOB,
    timing BLOB,
    added REAL,
    CHECK (ready = 0 OR (hash IS NOT NULL AND name IS NOT NULL AND probe IS NOT NULL))
) STRICT;
CREATE INDEX videos_by_age ON videos (added, row) WHERE ready;
CREATE INDEX videos_media ON videos (media) WHERE media IS NOT NULL;
CREATE INDEX videos_thumbnail ON videos (thumbnail) WHERE thumbnail IS NOT NULL;
CREATE INDEX videos_timing ON videos (timing) WHERE timing IS NOT NULL;

-- Every name that a video was ever put under, the present one included.
CREATE TABLE names (
    name TEXT NOT NULL,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    PRIMARY KEY (name, video)
) STRICT, WITHOUT ROWID;
CREATE INDEX names_of_video ON names (video);

CREATE TABLE recipes (
    id INTEGER PRIMARY KEY,
    tool TEXT NOT NULL,
    version TEXT NOT NULL,
    model TEXT NOT NULL,
    params TEXT NOT NULL,
    UNIQUE (tool, version, model, params)
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    recipe INTEGER NOT NULL REFERENCES recipes,
    open INTEGER NOT NULL,
    UNIQUE (video, recipe, open)
) STRICT;

-- A lane is what one recipe made of one kind for one video. While its run is open the lane is
-- staged (run is set) and no read looks into it; finishing a run clears one column instead of
-- touching every entry. A lane without entries says "computed, none found".
CREATE TABLE lanes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    kind TEXT NOT NULL,
    recipe INTEGER NOT NULL REFERENCES recipes,
    run INTEGER REFERENCES runs,
    count INTEGER NOT NULL DEFAULT 0,
    longest REAL NOT NULL DEFAULT 0,   -- seconds, of its entries of up to a minute
    long INTEGER NOT NULL DEFAULT 0,   -- whether it ever had entries longer than that
    ends REAL,                         -- the last end, seconds
    finished INTEGER NOT NULL DEFAULT 0  -- the commit that made it, or last added to it
) STRICT;
CREATE UNIQUE INDEX lanes_of_video ON lanes (video, kind, recipe) WHERE run IS NULL;
CREATE UNIQUE INDEX lanes_of_run ON lanes (run, kind) WHERE run IS NOT NULL;

-- Ids come from library.next_entry, so that none is ever given twice; AUTOINCREMENT would do the
-- same with one more row written for each entry.
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL REFERENCES lanes,
    starts REAL NOT NULL,
    ends REAL NOT NULL,
    estimated INTEGER NOT NULL,
    digest INTEGER NOT NULL,   -- of everything but lane and start: finds the same entry again
    data TEXT NOT NULL,
    text TEXT,
    label TEXT,                -- lower case
    blob BLOB
) STRICT;
-- SQLite ends each index row with the row's id: this is the order (start, id) of every page.
CREATE INDEX entries_in_time ON entries (lane, starts);
-- Entries that a window is touched by from more than a minute before it.
CREATE INDEX entries_long ON entries (lane, starts) WHERE ends - starts > 60.0;
CREATE INDEX entries_label ON entries (label, lane, starts) WHERE label IS NOT NULL;
CREATE INDEX entries_blob ON entries (blob) WHERE blob IS NOT NULL;

CREATE VIEW searchable AS SELECT id, text FROM entries WHERE text IS NOT NULL;
CREATE VIRTUAL TABLE entries_text USING fts5 (
    text, content = 'searchable', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    role TEXT NOT NULL,
    content TEXT NOT NULL CHECK (content <> ''),
    at REAL NOT NULL
) STRICT;
CREATE INDEX messages_of_video ON messages (video, id);

-- What the commits touched, one row for each thing, however often: the last commit, and the span
-- of media time (seconds) of all commits so far. Rows outlive their video: other processes learn
-- from them that it is gone.
CREATE TABLE generations (
    video TEXT NOT NULL,
    scope TEXT NOT NULL,   -- 'video', 'messages' or 'entries/KIND'
    seq INTEGER NOT NULL,
    low REAL,
    high REAL,
    PRIMARY KEY (video, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX generations_by_seq ON generations (seq);
