<?php

namespace DoctrineMigrations;

use App\Migration;
use Doctrine\DBAL\Schema\Schema;

/** Contract: nothing uses the old name any more. */
final class Version20240202000000 extends Migration
{
    public function up(Schema $schema): void
    {
        if ($this->onPostgres()) {
            $this->addSql('DROP FUNCTION notes_names() CASCADE');
        } else {
            $this->addSql('DROP TRIGGER notes_insert');
            $this->addSql('DROP TRIGGER notes_update');
        }
        $this->addSql('ALTER TABLE notes DROP COLUMN title');
    }
}
