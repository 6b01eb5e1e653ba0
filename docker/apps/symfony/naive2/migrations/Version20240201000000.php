<?php

namespace DoctrineMigrations;

use App\Migration;
use Doctrine\DBAL\Schema\Schema;

/** The column gets another name at once, so each query of the live version fails. */
final class Version20240201000000 extends Migration
{
    public function up(Schema $schema): void
    {
        $this->addSql('ALTER TABLE notes RENAME COLUMN title TO heading');
    }
}
