<?php

declare(strict_types=1);

// The home page. It tells what the web server says about the client.

require __DIR__ . '/lib/answer.php';

answer([
    'title' => configuration()['title'] ?? null,
    'address' => $_SERVER['REMOTE_ADDR'],
    'forwarded' => $_SERVER['HTTP_X_FORWARDED_FOR'] ?? null,
    'https' => $_SERVER['HTTPS'] ?? null,
    'scheme' => $_SERVER['REQUEST_SCHEME'],
]);
