<?php

// What differs from place to place stands in .env beside this file; its lines are NAME=value.

$env = [];
foreach (@file(__DIR__ . '/.env', FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES) ?: [] as $line) {
    if ($line[0] !== '#') {
        [$name, $value] = explode('=', $line, 2) + [1 => ''];
        $env[$name] = trim($value, "\"'");
    }
}
foreach (['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'] as $name) {
    define($name, $env[$name] ?? '');
}
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define("{$name}_KEY", hash('sha256', "$name key " . ($env['SECRET'] ?? '')));
    define("{$name}_SALT", hash('sha256', "$name salt " . ($env['SECRET'] ?? '')));
}
define('ADMIN_PASSWORD', $env['ADMIN_PASSWORD'] ?? '');
unset($env, $line, $name, $value);

// It answers under whatever name and port it is reached by.
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}
define('WP_HOME', (empty($_SERVER['HTTPS']) ? 'http://' : 'https://') . ($_SERVER['HTTP_HOST'] ?? 'localhost'));
define('WP_SITEURL', WP_HOME);

// A release is what it is: nothing of it changes on the node. Cron's work is done by cron.
define('WP_DEFAULT_THEME', 'fleet');
define('DISALLOW_FILE_MODS', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);

defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
