-- The column gets its new name beside the old name. A trigger keeps both alike, whichever version of the code writes.
ALTER TABLE notes ADD COLUMN heading varchar(255);
ALTER TABLE notes ALTER COLUMN title DROP NOT NULL;
-- orchestrator: safe because the function only copies values between two columns of the row
CREATE FUNCTION notes_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.heading := coalesce(NEW.heading, NEW.title);
        NEW.title := NEW.heading;
    ELSIF NEW.heading IS DISTINCT FROM OLD.heading THEN
        NEW.title := NEW.heading;
    ELSE
        NEW.heading := NEW.title;
    END IF;
    RETURN NEW;
END $$;
-- orchestrator: safe because the trigger only calls this function
CREATE TRIGGER notes_names BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION notes_names();
-- orchestrator: safe because the table has few rows. The trigger copies the title
UPDATE notes SET title = title WHERE heading IS NULL;
