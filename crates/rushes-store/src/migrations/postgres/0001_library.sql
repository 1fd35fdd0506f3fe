-- The library: videos, what is known of them over time, conversations, and what each commit touched.
-- The same tables as in SQLite (see there for why), in a schema of their own. What must sort alike
-- on every database is compared by its bytes (COLLATE "C").

CREATE TABLE library (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,         -- commits so far that changed something visible
    identity TEXT NOT NULL       -- tells this database from every other one
);
INSERT INTO library VALUES (1, 0, replace(gen_random_uuid()::text, '-', ''));

-- Entries get their ids from here: none is ever given twice.
CREATE SEQUENCE entry_ids;

-- A row that is not ready only holds the place of a video whose ingest is under way: no read sees it.
CREATE TABLE videos (
    row BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    ready BOOLEAN NOT NULL DEFAULT FALSE,
    hash BYTEA UNIQUE,
    name TEXT,
    path TEXT,
    media BYTEA,
    size BIGINT,
    start DOUBLE PRECISION,
    duration DOUBLE PRECISION,
    probe JSON,
    thumbnail BYTEA,
    timing BYTEA,
    added DOUBLE PRECISION,
    CHECK (NOT ready OR (hash IS NOT NULL AND name IS NOT NULL AND probe IS NOT NULL))
);
CREATE INDEX videos_by_age ON videos (added, row) WHERE ready;
CREATE INDEX videos_media ON videos (media) WHERE media IS NOT NULL;
CREATE INDEX videos_thumbnail ON videos (thumbnail) WHERE thumbnail IS NOT NULL;
CREATE INDEX videos_timing ON videos (timing) WHERE timing IS NOT NULL;

-- Every name that a video was ever put under, the present one included; found by its BLAKE3 digest,
-- as an index takes no name of some thousand bytes.
CREATE TABLE names (
    digest BYTEA NOT NULL,
    video BIGINT NOT NULL REFERENCES videos ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (digest, video)
);
CREATE INDEX names_of_video ON names (video);

CREATE TABLE recipes (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    digest BYTEA NOT NULL UNIQUE,   -- BLAKE3 of the four parts
    tool TEXT NOT NULL,
    version TEXT NOT NULL,
    model TEXT NOT NULL,
    params TEXT NOT NULL
);

CREATE TABLE runs (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    video BIGINT NOT NULL REFERENCES videos ON DELETE CASCADE,
    recipe BIGINT NOT NULL REFERENCES recipes,
    open BOOLEAN NOT NULL,
    UNIQUE (video, recipe, open)
);

-- Visible entries that an open run wrote again.
CREATE TABLE again (
    run BIGINT NOT NULL REFERENCES runs ON DELETE CASCADE,
    entry BIGINT NOT NULL,
    PRIMARY KEY (run, entry)
);

-- A lane is what one recipe made of one kind for one video. While its run is open the lane is
-- staged (run is set) and no read looks into it. A lane without entries says "computed, none found".
CREATE TABLE lanes (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    video BIGINT NOT NULL REFERENCES videos ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    recipe BIGINT NOT NULL REFERENCES recipes,
    run BIGINT REFERENCES runs,
    count BIGINT NOT NULL DEFAULT 0,
    longest DOUBLE PRECISION NOT NULL DEFAULT 0,   -- seconds, of its entries of up to a minute
    long BOOLEAN NOT NULL DEFAULT FALSE,           -- whether it ever had entries longer than that
    ends DOUBLE PRECISION,                         -- the last end, seconds
    texts BIGINT NOT NULL DEFAULT 0,               -- entries with text
    words BIGINT NOT NULL DEFAULT 0,               -- words of these
    finished BIGINT NOT NULL DEFAULT 0             -- the commit that made it, or last added to it
);
CREATE UNIQUE INDEX lanes_of_video ON lanes (video, kind, recipe) WHERE run IS NULL;
CREATE UNIQUE INDEX lanes_of_run ON lanes (run, kind) WHERE run IS NOT NULL;

-- No reference to lanes: checking it for each row costs as much as the row.
CREATE TABLE entries (
    id BIGINT PRIMARY KEY DEFAULT nextval('entry_ids'),
    lane BIGINT NOT NULL,
    starts DOUBLE PRECISION NOT NULL,
    ends DOUBLE PRECISION NOT NULL,
    estimated BOOLEAN NOT NULL,
    long BOOLEAN NOT NULL,     -- lasts more than a minute
    digest BIGINT NOT NULL,    -- of everything but lane and start: finds the same entry again
    data JSON NOT NULL,        -- as it was written, to the byte
    text TEXT,
    words TEXT COLLATE "C",    -- the words of the text as FTS5 cuts and folds them: |a||heron|
    length BIGINT,             -- how many
    label TEXT COLLATE "C",    -- lower case
    score DOUBLE PRECISION,    -- how sure the detector was of the label
    blob BYTEA
);
CREATE INDEX entries_in_time ON entries (lane, starts, id);
CREATE INDEX entries_long ON entries (lane, starts, id) WHERE long;
CREATE INDEX entries_label ON entries (left(label, 128), lane, starts) WHERE label IS NOT NULL;
CREATE INDEX entries_blob ON entries (blob) WHERE blob IS NOT NULL;
CREATE INDEX entries_words ON entries USING gin (string_to_array(btrim(words, '|'), '||'))
    WHERE words IS NOT NULL;

CREATE TABLE messages (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    video BIGINT NOT NULL REFERENCES videos ON DELETE CASCADE,
    role TEXT NOT NULL,
    content TEXT NOT NULL CHECK (content <> ''),
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX messages_of_video ON messages (video, id);

-- What the commits touched, one row for each thing, however often: the last commit, and the span
-- of media time (seconds) of all commits so far. Rows outlive their video.
CREATE TABLE generations (
    video TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,   -- 'video', 'messages' or 'entries/KIND'
    seq BIGINT NOT NULL,
    low DOUBLE PRECISION,
    high DOUBLE PRECISION,
    PRIMARY KEY (video, scope)
);
CREATE INDEX generations_by_seq ON generations (seq);

-- What statements of SQL read, so that their cached answers are dropped exactly: how often each
-- thing was written to, as a whole (grp = '') and for each group of it (a video). Rows are never
-- deleted.
CREATE TABLE sql_generations (
    family TEXT COLLATE "C" NOT NULL,   -- 'entries', 'videos', 'messages', 'recipes', or a user's table
    grp TEXT COLLATE "C" NOT NULL,
    gen BIGINT NOT NULL,
    PRIMARY KEY (family, grp)
);

-- The library in few words, for people: what reads see, and nothing else.
CREATE VIEW timeline AS
    SELECT e.id, v.id AS video, v.name, l.kind, e.starts, e.ends, e.estimated, e.data, e.text,
           e.label, encode(e.blob, 'hex') AS blob, r.tool, r.version, r.model, r.params
    FROM entries e JOIN lanes l ON l.id = e.lane AND l.run IS NULL
    JOIN videos v ON v.row = l.video AND v.ready JOIN recipes r ON r.id = l.recipe;
CREATE VIEW conversation AS
    SELECT m.id, v.id AS video, v.name, m.role, m.content, m.at
    FROM messages m JOIN videos v ON v.row = m.video AND v.ready;
