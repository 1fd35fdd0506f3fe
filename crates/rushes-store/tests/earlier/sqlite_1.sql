-- A library of schema 1: a video of two frames, two captions, an object, a conversation.
-- The schema stands here as that release made it, not as it may be written today.

PRAGMA journal_mode = WAL;
PRAGMA application_id = 0x52757368;
PRAGMA user_version = 1;
BEGIN;

-- The library: videos, what is known of them over time, conversations, and what each commit touched.

CREATE TABLE library (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,         -- commits so far that changed something visible
    next_entry INTEGER NOT NULL   -- the id that the next entry gets
) STRICT;


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

CREATE TABLE migrations (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
) STRICT;
INSERT INTO migrations VALUES (1, 'library', '2b88066d5bc936c7413af4433f58645d31c4aaad5ea4825d4b63066f87302559');

INSERT INTO library VALUES (1, 5, 6);
INSERT INTO videos VALUES (1, 'ae8905629758d04c', 1, x'ae8905629758d04c27af11e6532cb0bf0ff43376265606c57930a6a9ff7191c5', 'cup.mp4', '/videos/cup.mp4', NULL, 1575951, 0.0, 8.103969824849685, '{"container":"mov,mp4,m4a,3gp,3g2,mj2","codec":"h264","profile":"High","pixel_format":"yuv420p","fps":26.777,"frames":217,"keyframes":8,"width":640,"height":480,"coded":[640,480],"rotation":0,"pixel_aspect":"1:1","color":{"transfer":"bt709","primaries":"smpte170m","matrix":"smpte170m","range":"tv"},"time_base":"1/26777","file_duration":8.10397,"bit_rate":1555732,"created":"2017-09-01T02:23:48.000000Z","audio_start":0.0,"audio":[{"stream":0,"codec":"aac","channels":2,"sample_rate":48000,"language":"zho","start":0.0}]}', x'fce62983c62b5108c2cef1ecf20be2e55f6e182f7f1044ace9338ae1fdfddf5c', x'7519c5f74e53f5c1b746e35fcd6db3ef32f2d08e0b69f84c76f57d72fefba809', 1795479348.8388572);
INSERT INTO names VALUES ('cup.mp4', 1);
INSERT INTO recipes VALUES (1, 'rushes', '1', '', '{"edge":1280,"quality":85.0,"sampling":{"frames":2},"similarity":0.949999988079071}');
INSERT INTO recipes VALUES (2, '', '', '', '{"source":"c.jsonl"}');
INSERT INTO recipes VALUES (3, '', '', '', '{"source":"o.jsonl"}');
INSERT INTO runs VALUES (1, 1, 1, 0);
INSERT INTO runs VALUES (2, 1, 2, 0);
INSERT INTO runs VALUES (3, 1, 3, 0);
INSERT INTO lanes VALUES (1, 1, 'frame', 1, NULL, 2, 0.0, 0, 4.0333121708929305, 1);
INSERT INTO lanes VALUES (2, 1, 'caption', 2, NULL, 2, 1.5, 1, 140.0, 2);
INSERT INTO lanes VALUES (3, 1, 'object', 3, NULL, 1, 0.0, 0, 1.0, 3);
INSERT INTO entries VALUES (1, 1, 0.0, 0.0, 0, -577418549077466253, '{"number":0,"key":true,"width":640,"height":480}', NULL, NULL, x'dd3c7aca690cc7872bf971c54e4cb1f4e4ca7f056d88ca983d6da05ba8370a7c');
INSERT INTO entries VALUES (2, 1, 4.0333121708929305, 4.0333121708929305, 0, -1513560976594819818, '{"number":108,"key":false,"width":640,"height":480}', NULL, NULL, x'de1ee3f19bed26d173d86358216988933cb01ffa0573c87d4ba85777b4f83514');
INSERT INTO entries VALUES (3, 2, 0.5, 2.0, 0, -5948950157317188190, '{"text":"A hand turns the cup"}', 'A hand turns the cup', NULL, NULL);
INSERT INTO entries VALUES (4, 2, 70.0, 140.0, 0, 8203234741681803448, '{"text":"The cup stands still"}', 'The cup stands still', NULL, NULL);
INSERT INTO entries VALUES (5, 3, 1.0, 1.0, 0, 2838145617166110298, '{"label":"Cup","score":0.9,"box":[1,2,30,40]}', NULL, 'cup', NULL);
INSERT INTO messages VALUES (1, 1, 'user', 'Which hand was it?', 1795479349.6486921);
INSERT INTO messages VALUES (2, 1, 'assistant', 'The left one.', 1795479349.7337003);
INSERT INTO generations VALUES ('ae8905629758d04c', 'entries/caption', 2, 0.5, 140.0);
INSERT INTO generations VALUES ('ae8905629758d04c', 'entries/frame', 1, 0.0, 4.0333121708929305);
INSERT INTO generations VALUES ('ae8905629758d04c', 'entries/object', 3, 1.0, 1.0);
INSERT INTO generations VALUES ('ae8905629758d04c', 'messages', 5, NULL, NULL);
INSERT INTO generations VALUES ('ae8905629758d04c', 'video', 1, NULL, NULL);
INSERT INTO entries_text (rowid, text) SELECT id, text FROM searchable;
COMMIT;
