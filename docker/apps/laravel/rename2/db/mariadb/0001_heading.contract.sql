-- Without the triggers, nothing fills the old column.
ALTER TABLE notes MODIFY title varchar(255) NULL, ALGORITHM=INPLACE, LOCK=NONE;
DROP TRIGGER notes_insert;
DROP TRIGGER notes_update;
ALTER TABLE notes DROP COLUMN title;
