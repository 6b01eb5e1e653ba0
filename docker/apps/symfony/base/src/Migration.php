<?php

namespace App;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\Schema\Schema;

/** A change of the schema. Its class has the name of its file, as with Doctrine Migrations. */
abstract class Migration
{
    /** @var list<string> */
    private array $statements = [];

    public function __construct(protected Connection $connection)
    {
    }

    /** Change the tables of the schema, or name statements with addSql. */
    abstract public function up(Schema $schema): void;

    protected function addSql(string $statement): void
    {
        $this->statements[] = $statement;
    }

    /** @return list<string> the statements that change the database: first those for the schema, then those of addSql */
    final public function statements(): array
    {
        $manager = $this->connection->createSchemaManager();
        $before = $manager->introspectSchema();
        $after = clone $before;
        $this->up($after);
        $difference = $manager->createComparator()->compareSchemas($before, $after);
        $platform = $this->connection->getDatabasePlatform();

        return [...$platform->getAlterSchemaSQL($difference), ...$this->statements];
    }

    protected function onPostgres(): bool
    {
        return $this->connection->getDatabasePlatform() instanceof \Doctrine\DBAL\Platforms\PostgreSQLPlatform;
    }
}
