-- What writes made untrue of answers to statements of SQL, whoever wrote and however.

-- More of sql_generations: what is here counts on top of what is there. A writer only adds rows, so
-- that nobody waits for another one, and no transaction fails, because a table is watched; the rows
-- are added up into sql_generations now and then.
CREATE TABLE sql_writes (
    family TEXT COLLATE "C" NOT NULL,
    grp TEXT COLLATE "C" NOT NULL,
    gen BIGINT NOT NULL CHECK (gen > 0)
);
CREATE INDEX sql_writes_of ON sql_writes (family, grp) INCLUDE (gen);

-- Of a user's table the family is its number (oid). FAMILY/all is raised by what may have changed
-- every group.

-- Writes of others to the library's own tables: as before, and all groups count as changed. Those
-- who write through the library by SQL (rushes.guest) are refused.
CREATE OR REPLACE FUNCTION written_by_others() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now BIGINT;
BEGIN
    IF coalesce(current_setting('rushes.guest', TRUE), '') = 'on' THEN
        RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME
            || ' belongs to the library, which changes by ingest, import, memory and rm';
    END IF;
    UPDATE rushes.library SET seq = seq + 1 RETURNING seq INTO now;
    UPDATE rushes.generations SET seq = now WHERE scope = 'video';
    INSERT INTO rushes.generations (video, scope, seq)
        SELECT id, 'video', now FROM rushes.videos WHERE id ~ '^[0-9a-f]{16,64}$'
        ON CONFLICT DO NOTHING;
    INSERT INTO rushes.sql_writes
        SELECT family || part, '', 1
        FROM unnest(ARRAY['entries', 'messages', 'recipes', 'videos']) family,
            unnest(ARRAY['', '/all']) part;
    RETURN NULL;
END $$;

CREATE FUNCTION not_by_guests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME
        || ' belongs to the library, which changes by ingest, import, memory and rm';
END $$;

-- Also where a session says that it replays what happened elsewhere (session_replication_role).
ALTER TABLE videos ENABLE ALWAYS TRIGGER by_others;
ALTER TABLE names ENABLE ALWAYS TRIGGER by_others;
ALTER TABLE recipes ENABLE ALWAYS TRIGGER by_others;
ALTER TABLE runs ENABLE ALWAYS TRIGGER by_others;
ALTER TABLE lanes ENABLE ALWAYS TRIGGER by_others;
ALTER TABLE entries ENABLE ALWAYS TRIGGER by_others;
ALTER TABLE messages ENABLE ALWAYS TRIGGER by_others;

CREATE TRIGGER not_by_guests BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON library
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.guest', TRUE), '') = 'on')
    EXECUTE FUNCTION not_by_guests();
CREATE TRIGGER not_by_guests BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON again
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.guest', TRUE), '') = 'on')
    EXECUTE FUNCTION not_by_guests();
CREATE TRIGGER not_by_guests BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON generations
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.guest', TRUE), '') = 'on')
    EXECUTE FUNCTION not_by_guests();
CREATE TRIGGER not_by_guests BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON sql_generations
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.guest', TRUE), '') = 'on')
    EXECUTE FUNCTION not_by_guests();
CREATE TRIGGER not_by_guests BEFORE UPDATE OR DELETE OR TRUNCATE ON sql_writes
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.guest', TRUE), '') = 'on')
    EXECUTE FUNCTION not_by_guests();
CREATE TRIGGER not_by_guests BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON migrations
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.guest', TRUE), '') = 'on')
    EXECUTE FUNCTION not_by_guests();

-- What the triggers of users' tables do, by which of the columns say what a row is about. They run
-- with the rights of the library, as whoever may write to the table need not know it. A column that
-- was renamed since is no reason to refuse the write: all groups count as changed.

CREATE FUNCTION sql_written() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO rushes.sql_writes
            SELECT TG_RELID::text, '', 1 WHERE EXISTS (SELECT FROM rushes_new);
    ELSIF TG_OP = 'TRUNCATE' THEN
        INSERT INTO rushes.sql_writes
            VALUES (TG_RELID::text, '', 1), (TG_RELID::text || '/all', '', 1);
    ELSE
        INSERT INTO rushes.sql_writes
            SELECT TG_RELID::text, '', 1 WHERE EXISTS (SELECT FROM rushes_old);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION sql_written_by_video_id() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR NOT EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = TG_RELID AND attname = 'video_id' AND NOT attisdropped) THEN
        INSERT INTO rushes.sql_writes
            VALUES (TG_RELID::text, '', 1), (TG_RELID::text || '/all', '', 1);
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO rushes.sql_writes SELECT TG_RELID::text, grp, 1 FROM (
            SELECT coalesce(lower(rtrim(video_id::text, ' ') COLLATE "C"), '') FROM rushes_new
            UNION SELECT '' WHERE EXISTS (SELECT FROM rushes_new)) t (grp);
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO rushes.sql_writes SELECT TG_RELID::text, grp, 1 FROM (
            SELECT coalesce(lower(rtrim(video_id::text, ' ') COLLATE "C"), '') FROM rushes_old
            UNION SELECT '' WHERE EXISTS (SELECT FROM rushes_old)) t (grp);
    ELSE
        INSERT INTO rushes.sql_writes SELECT TG_RELID::text, grp, 1 FROM (
            SELECT coalesce(lower(rtrim(video_id::text, ' ') COLLATE "C"), '') FROM rushes_old
            UNION SELECT coalesce(lower(rtrim(video_id::text, ' ') COLLATE "C"), '') FROM rushes_new
            UNION SELECT '' WHERE EXISTS (SELECT FROM rushes_new)) t (grp);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION sql_written_by_video() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR NOT EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = TG_RELID AND attname = 'video' AND NOT attisdropped) THEN
        INSERT INTO rushes.sql_writes
            VALUES (TG_RELID::text, '', 1), (TG_RELID::text || '/all', '', 1);
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO rushes.sql_writes SELECT TG_RELID::text, grp, 1 FROM (
            SELECT coalesce(lower(rtrim(video::text, ' ') COLLATE "C"), '') FROM rushes_new
            UNION SELECT '' WHERE EXISTS (SELECT FROM rushes_new)) t (grp);
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO rushes.sql_writes SELECT TG_RELID::text, grp, 1 FROM (
            SELECT coalesce(lower(rtrim(video::text, ' ') COLLATE "C"), '') FROM rushes_old
            UNION SELECT '' WHERE EXISTS (SELECT FROM rushes_old)) t (grp);
    ELSE
        INSERT INTO rushes.sql_writes SELECT TG_RELID::text, grp, 1 FROM (
            SELECT coalesce(lower(rtrim(video::text, ' ') COLLATE "C"), '') FROM rushes_old
            UNION SELECT coalesce(lower(rtrim(video::text, ' ') COLLATE "C"), '') FROM rushes_new
            UNION SELECT '' WHERE EXISTS (SELECT FROM rushes_new)) t (grp);
    END IF;
    RETURN NULL;
END $$;
