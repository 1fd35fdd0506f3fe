-- Writes of others to the library's tables (`psql`) are told as what they may be: a change of
-- everything. The library's own connections say so (rushes.own) and tell what they touched exactly.

CREATE FUNCTION written_by_others() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now BIGINT;
BEGIN
    UPDATE rushes.library SET seq = seq + 1 RETURNING seq INTO now;
    UPDATE rushes.generations SET seq = now WHERE scope = 'video';
    INSERT INTO rushes.generations (video, scope, seq)
        SELECT id, 'video', now FROM rushes.videos WHERE id ~ '^[0-9a-f]{16,64}$'
        ON CONFLICT DO NOTHING;
    INSERT INTO rushes.sql_generations AS g
        SELECT family, '', 1 FROM unnest(ARRAY['entries', 'messages', 'recipes', 'videos']) family
        ON CONFLICT (family, grp) DO UPDATE SET gen = g.gen + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON videos
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON names
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON recipes
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON runs
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lanes
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
CREATE TRIGGER by_others AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON messages
    FOR EACH STATEMENT WHEN (coalesce(current_setting('rushes.own', TRUE), '') <> 'on')
    EXECUTE FUNCTION written_by_others();
