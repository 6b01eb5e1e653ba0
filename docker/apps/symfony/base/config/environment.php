<?php

// The environment's variables go before those of .env, which a release need not have.

use Symfony\Component\Dotenv\Dotenv;

$file = dirname(__DIR__) . '/.env';
if (is_file($file)) {
    (new Dotenv())->load($file);
}
$_SERVER += ['APP_ENV' => $_ENV['APP_ENV'] ?? 'prod'];
