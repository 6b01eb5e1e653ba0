<?php

namespace DoctrineMigrations;

use App\Migration;
use Doctrine\DBAL\Schema\Schema;

/** Expand: the column gets its new name beside the old name. Triggers keep both alike, whichever version writes. */
final class Version20240201000000 extends Migration
{
    public function up(Schema $schema): void
    {
        $notes = $schema->getTable('notes');
        $notes->addColumn('heading', 'string', ['length' => 255, 'notnull' => false]);
        $notes->changeColumn('title', ['notnull' => false]);
        foreach ($this->onPostgres() ? self::POSTGRES : self::MARIADB as $statement) {
            $this->addSql($statement);
        }
        $this->addSql('UPDATE notes SET title = title WHERE heading IS NULL');
    }

    private const POSTGRES = [
        'CREATE FUNCTION notes_names() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = \'INSERT\' THEN
                NEW.heading := COALESCE(NEW.heading, NEW.title);
                NEW.title := COALESCE(NEW.title, NEW.heading);
            ELSIF NEW.heading IS DISTINCT FROM OLD.heading THEN NEW.title := NEW.heading;
            ELSE NEW.heading := NEW.title; END IF;
            RETURN NEW; END $$',
        'CREATE TRIGGER notes_names BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION notes_names()',
    ];

    private const MARIADB = [
        'CREATE TRIGGER notes_insert BEFORE INSERT ON notes FOR EACH ROW
            SET NEW.heading = COALESCE(NEW.heading, NEW.title), NEW.title = COALESCE(NEW.title, NEW.heading)',
        'CREATE TRIGGER notes_update BEFORE UPDATE ON notes FOR EACH ROW
            IF NOT (NEW.heading <=> OLD.heading) THEN SET NEW.title = NEW.heading;
            ELSE SET NEW.heading = NEW.title; END IF',
    ];
}
