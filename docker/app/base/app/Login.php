<?php

declare(strict_types=1);

namespace App;

/** Who is logged in, by PHP's own sessions: files that both colors read. */
final class Login
{
    /** @return array<string, mixed> */
    public static function begin(string $name): array
    {
        session_start();
        session_regenerate_id(true);
        $_SESSION = ['name' => $name, 'since' => time(), 'version' => Version::NUMBER];
        session_write_close();

        return self::said();
    }

    /** @return array<string, mixed>|null null if nobody is */
    public static function who(): ?array
    {
        if (!isset($_COOKIE[session_name()])) {
            return null;
        }
        session_start(['read_and_close' => true]);

        return isset($_SESSION['name']) ? self::said() : null;
    }

    /** @return array<string, mixed> */
    private static function said(): array
    {
        return ['name' => $_SESSION['name'], 'since' => $_SESSION['since'], 'logged_in_at' => $_SESSION['version']];
    }
}
