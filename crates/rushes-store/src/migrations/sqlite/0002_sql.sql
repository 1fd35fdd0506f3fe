-- SQL for those who ask: what statements read, so that their cached answers are dropped exactly.

-- Tells this database from every other one, in keys of caches that several share.
ALTER TABLE library ADD COLUMN identity TEXT NOT NULL DEFAULT '';
UPDATE library SET identity = lower(hex(randomblob(16)));

-- One row for each watched thing as a whole (grp = '') and for each group of it (a video): how
-- often it was written to. Rows are never deleted: what a cached answer was checked against must
-- not come again.
CREATE TABLE sql_generations (
    family TEXT NOT NULL,   -- 'entries', 'videos', 'messages', 'recipes', or a table of the user's
    grp TEXT NOT NULL,
    gen INTEGER NOT NULL,
    PRIMARY KEY (family, grp)
) STRICT, WITHOUT ROWID;

-- The library in few words, for people: what reads see, and nothing else.
CREATE VIEW timeline AS
    SELECT e.id, v.id AS video, v.name, l.kind, e.starts, e.ends, e.estimated, e.data, e.text,
           e.label, lower(hex(e.blob)) AS blob, r.tool, r.version, r.model, r.params
    FROM entries e JOIN lanes l ON l.id = e.lane AND l.run IS NULL
    JOIN videos v ON v.row = l.video AND v.ready JOIN recipes r ON r.id = l.recipe;
CREATE VIEW conversation AS
    SELECT m.id, v.id AS video, v.name, m.role, m.content, m.at
    FROM messages m JOIN videos v ON v.row = m.video AND v.ready;

-- Writes of others to the library's own tables (`sqlite3` on the file). The library's own
-- connection does without these triggers and raises what it touches once a commit. For typed reads
-- such a write counts as a change of the video as a whole.
CREATE VIEW sql_touched AS SELECT NULL AS family, NULL AS video WHERE 0;
CREATE TRIGGER sql_touch INSTEAD OF INSERT ON sql_touched BEGIN
    INSERT INTO sql_generations VALUES (NEW.family, '', 1) ON CONFLICT DO UPDATE SET gen = gen + 1;
    INSERT INTO sql_generations SELECT NEW.family, NEW.video, 1 WHERE NEW.video IS NOT NULL
        ON CONFLICT DO UPDATE SET gen = gen + 1;
    UPDATE library SET seq = seq + 1;
    INSERT INTO generations SELECT NEW.video, 'video', (SELECT seq FROM library), NULL, NULL
        WHERE length(NEW.video) BETWEEN 16 AND 64 AND NEW.video NOT GLOB '*[^0-9a-f]*'
        ON CONFLICT DO UPDATE SET seq = excluded.seq;
END;

-- Everything of a video hangs on its row. The triggers that come before a write look for rows
-- that it may replace: SQLite tells no trigger of those.
CREATE TRIGGER sql_videos_bi BEFORE INSERT ON videos BEGIN
    INSERT INTO sql_touched SELECT f.value, v.id FROM videos v
        JOIN json_each('["videos", "entries", "messages"]') f
        WHERE v.row = NEW.row OR v.hash = NEW.hash;
END;
CREATE TRIGGER sql_videos_ai AFTER INSERT ON videos BEGIN
    INSERT INTO sql_touched SELECT value, NEW.id FROM json_each('["videos", "entries", "messages"]');
END;
CREATE TRIGGER sql_videos_bu BEFORE UPDATE ON videos BEGIN
    INSERT INTO sql_touched SELECT f.value, v.id FROM videos v
        JOIN json_each('["videos", "entries", "messages"]') f
        WHERE v.row = NEW.row OR v.hash = NEW.hash OR v.id = NEW.id;
END;
CREATE TRIGGER sql_videos_au AFTER UPDATE ON videos BEGIN
    INSERT INTO sql_touched SELECT f.value, v.value
        FROM json_each('["videos", "entries", "messages"]') f
        JOIN json_each(json_array(OLD.id, NEW.id)) v;
END;
CREATE TRIGGER sql_videos_ad AFTER DELETE ON videos BEGIN
    INSERT INTO sql_touched SELECT value, OLD.id FROM json_each('["videos", "entries", "messages"]');
END;

CREATE TRIGGER sql_names_ai AFTER INSERT ON names BEGIN
    INSERT INTO sql_touched VALUES ('videos', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_names_au AFTER UPDATE ON names BEGIN
    INSERT INTO sql_touched VALUES ('videos', (SELECT id FROM videos WHERE row = OLD.video));
    INSERT INTO sql_touched VALUES ('videos', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_names_ad AFTER DELETE ON names BEGIN
    INSERT INTO sql_touched VALUES ('videos', (SELECT id FROM videos WHERE row = OLD.video));
END;

CREATE TRIGGER sql_recipes_ai AFTER INSERT ON recipes BEGIN
    INSERT INTO sql_touched VALUES ('recipes', NULL);
END;
CREATE TRIGGER sql_recipes_au AFTER UPDATE ON recipes BEGIN
    INSERT INTO sql_touched VALUES ('recipes', NULL);
END;
CREATE TRIGGER sql_recipes_ad AFTER DELETE ON recipes BEGIN
    INSERT INTO sql_touched VALUES ('recipes', NULL);
END;

CREATE TRIGGER sql_runs_bi BEFORE INSERT ON runs BEGIN
    INSERT INTO sql_touched SELECT 'entries', v.id FROM runs u JOIN videos v ON v.row = u.video
        WHERE u.id = NEW.id;
END;
CREATE TRIGGER sql_runs_ai AFTER INSERT ON runs BEGIN
    INSERT INTO sql_touched VALUES ('entries', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_runs_bu BEFORE UPDATE ON runs BEGIN
    INSERT INTO sql_touched SELECT 'entries', v.id FROM runs u JOIN videos v ON v.row = u.video
        WHERE u.id IN (OLD.id, NEW.id);
END;
CREATE TRIGGER sql_runs_au AFTER UPDATE ON runs BEGIN
    INSERT INTO sql_touched VALUES ('entries', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_runs_ad AFTER DELETE ON runs BEGIN
    INSERT INTO sql_touched VALUES ('entries', (SELECT id FROM videos WHERE row = OLD.video));
END;

CREATE TRIGGER sql_lanes_bi BEFORE INSERT ON lanes BEGIN
    INSERT INTO sql_touched SELECT 'entries', v.id FROM lanes l JOIN videos v ON v.row = l.video
        WHERE l.id = NEW.id OR (l.run = NEW.run AND l.kind = NEW.kind);
END;
CREATE TRIGGER sql_lanes_ai AFTER INSERT ON lanes BEGIN
    INSERT INTO sql_touched VALUES ('entries', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_lanes_bu BEFORE UPDATE ON lanes BEGIN
    INSERT INTO sql_touched SELECT 'entries', v.id FROM lanes l JOIN videos v ON v.row = l.video
        WHERE l.id IN (OLD.id, NEW.id) OR (l.run = NEW.run AND l.kind = NEW.kind);
END;
CREATE TRIGGER sql_lanes_au AFTER UPDATE ON lanes BEGIN
    INSERT INTO sql_touched VALUES ('entries', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_lanes_ad AFTER DELETE ON lanes BEGIN
    INSERT INTO sql_touched VALUES ('entries', (SELECT id FROM videos WHERE row = OLD.video));
END;

CREATE TRIGGER sql_entries_bi BEFORE INSERT ON entries BEGIN
    INSERT INTO sql_touched SELECT 'entries', v.id FROM entries e JOIN lanes l ON l.id = e.lane
        JOIN videos v ON v.row = l.video WHERE e.id = NEW.id;
END;
CREATE TRIGGER sql_entries_ai AFTER INSERT ON entries BEGIN
    INSERT INTO sql_touched VALUES ('entries',
        (SELECT v.id FROM lanes l JOIN videos v ON v.row = l.video WHERE l.id = NEW.lane));
END;
CREATE TRIGGER sql_entries_bu BEFORE UPDATE ON entries BEGIN
    INSERT INTO sql_touched SELECT 'entries', v.id FROM entries e JOIN lanes l ON l.id = e.lane
        JOIN videos v ON v.row = l.video WHERE e.id IN (OLD.id, NEW.id);
END;
CREATE TRIGGER sql_entries_au AFTER UPDATE ON entries BEGIN
    INSERT INTO sql_touched VALUES ('entries',
        (SELECT v.id FROM lanes l JOIN videos v ON v.row = l.video WHERE l.id = NEW.lane));
END;
CREATE TRIGGER sql_entries_ad AFTER DELETE ON entries BEGIN
    INSERT INTO sql_touched VALUES ('entries',
        (SELECT v.id FROM lanes l JOIN videos v ON v.row = l.video WHERE l.id = OLD.lane));
END;

CREATE TRIGGER sql_messages_bi BEFORE INSERT ON messages BEGIN
    INSERT INTO sql_touched SELECT 'messages', v.id FROM messages m JOIN videos v ON v.row = m.video
        WHERE m.id = NEW.id;
END;
CREATE TRIGGER sql_messages_ai AFTER INSERT ON messages BEGIN
    INSERT INTO sql_touched VALUES ('messages', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_messages_bu BEFORE UPDATE ON messages BEGIN
    INSERT INTO sql_touched SELECT 'messages', v.id FROM messages m JOIN videos v ON v.row = m.video
        WHERE m.id IN (OLD.id, NEW.id);
END;
CREATE TRIGGER sql_messages_au AFTER UPDATE ON messages BEGIN
    INSERT INTO sql_touched VALUES ('messages', (SELECT id FROM videos WHERE row = NEW.video));
END;
CREATE TRIGGER sql_messages_ad AFTER DELETE ON messages BEGIN
    INSERT INTO sql_touched VALUES ('messages', (SELECT id FROM videos WHERE row = OLD.video));
END;
