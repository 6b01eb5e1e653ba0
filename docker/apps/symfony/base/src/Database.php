<?php

namespace App;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\DriverManager;
use Throwable;

/** The database that DATABASE_URL names, if it names one. */
final class Database
{
    private ?Connection $connection = null;

    public function __construct(private string $databaseUrl)
    {
    }

    public function connection(): Connection
    {
        return $this->connection ??= DriverManager::getConnection(['url' => $this->databaseUrl]);
    }

    /** Null without a database, else whether it answers. */
    public function answers(): ?bool
    {
        if ($this->databaseUrl === '') {
            return null;
        }
        try {
            return (int) $this->connection()->fetchOne('SELECT 1') === 1;
        } catch (Throwable) {
            return false;
        }
    }
}
