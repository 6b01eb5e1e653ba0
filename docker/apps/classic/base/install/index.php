<?php

declare(strict_types=1);

// The install wizard: makes the database, and writes the configuration, a PHP file.

require __DIR__ . '/../lib/answer.php';

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    answer(['installed' => configuration() !== []]);
}
$candidate = CONFIGURATION . '.' . bin2hex(random_bytes(6));
$text = '<?php return ' . var_export(['title' => (string) $_POST['title']], true) . ';';
if (@file_put_contents($candidate, $text) === false || !rename($candidate, CONFIGURATION)) {
    answer(['error' => 'cannot write the configuration'], 500);
}
database()->exec('CREATE TABLE IF NOT EXISTS items (name TEXT)');
answer(['installed' => true]);
