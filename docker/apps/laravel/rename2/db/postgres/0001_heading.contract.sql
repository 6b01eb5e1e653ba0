BEGIN;
DROP TRIGGER notes_names ON notes;
ALTER TABLE notes DROP COLUMN title;
COMMIT;
DROP FUNCTION notes_names();
