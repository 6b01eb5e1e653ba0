-- The column gets its new name beside the old name. Triggers keep both alike, whichever version of the code writes.
ALTER TABLE notes ADD COLUMN heading varchar(255);
ALTER TABLE notes MODIFY title varchar(255) NULL;
-- orchestrator: safe because the trigger only copies values between two columns of the row
CREATE TRIGGER notes_insert BEFORE INSERT ON notes FOR EACH ROW
    SET NEW.heading = coalesce(NEW.heading, NEW.title), NEW.title = NEW.heading;
-- orchestrator: safe because the trigger only copies values between two columns of the row
CREATE TRIGGER notes_update BEFORE UPDATE ON notes FOR EACH ROW
    SET NEW.title = if(NEW.heading <=> OLD.heading, NEW.title, NEW.heading), NEW.heading = NEW.title;
-- orchestrator: safe because the table has few rows. The trigger copies the title
UPDATE notes SET title = title WHERE heading IS NULL;
