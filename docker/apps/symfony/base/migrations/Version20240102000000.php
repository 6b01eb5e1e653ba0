<?php

namespace DoctrineMigrations;

use App\Migration;
use Doctrine\DBAL\Schema\Schema;

final class Version20240102000000 extends Migration
{
    public function up(Schema $schema): void
    {
        $notes = $schema->createTable('notes');
        $notes->addColumn('id', 'integer', ['autoincrement' => true]);
        $notes->addColumn('title', 'string', ['length' => 255]);
        $notes->setPrimaryKey(['id']);
    }
}
