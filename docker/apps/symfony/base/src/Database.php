<?php

namespace App;

use PDO;
use Throwable;

/** The database that DATABASE_URL names, if it names one. */
final class Database
{
    public function __construct(private string $databaseUrl)
    {
    }

    /** Null without a database, else whether it answers. */
    public function answers(): ?bool
    {
        if ($this->databaseUrl === '') {
            return null;
        }
        $url = array_map('rawurldecode', array_map('strval', parse_url($this->databaseUrl)));
        $source = sprintf('mysql:host=%s;port=%s;dbname=%s', $url['host'], $url['port'] ?? 3306, ltrim($url['path'], '/'));
        try {
            return (int) (new PDO($source, $url['user'], $url['pass']))->query('SELECT 1')->fetchColumn() === 1;
        } catch (Throwable) {
            return false;
        }
    }
}
