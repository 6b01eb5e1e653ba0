<?php

declare(strict_types=1);

// What all entry scripts share. The application has no front controller.

require __DIR__ . '/version.php';

const ROOT = __DIR__ . '/..';
const CONFIGURATION = ROOT . '/data/config.php';

/** @param array<string, mixed> $more */
function answer(array $more = [], int $status = 200): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode([
        'version' => VERSION,
        'release' => basename((string) realpath(ROOT)),
        'color' => $_SERVER['COLOR'] ?? null,
        'node' => gethostname(),
        'script' => $_SERVER['SCRIPT_NAME'],
        'path_info' => $_SERVER['PATH_INFO'] ?? null,
    ] + $more), "\n";
    exit;
}

/** @return array<string, string> the configuration, which the install wizard has written; none before */
function configuration(): array
{
    return is_file(CONFIGURATION) ? include CONFIGURATION : [];
}

function database(): PDO
{
    $database = new PDO('sqlite:' . ROOT . '/data/db.sqlite');
    $database->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
    $database->exec('PRAGMA busy_timeout = 5000');

    return $database;
}
