<?php

declare(strict_types=1);

// /api/items.php/list and /api/items.php/add/<name>

require __DIR__ . '/../lib/answer.php';

$words = explode('/', trim($_SERVER['PATH_INFO'] ?? '', '/'));
if ($words[0] === 'add' && isset($words[1])) {
    database()->prepare('INSERT INTO items VALUES (?)')->execute([$words[1]]);
}
answer(['items' => database()->query('SELECT name FROM items ORDER BY rowid')->fetchAll(PDO::FETCH_COLUMN)]);
