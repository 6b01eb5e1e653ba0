<?php

namespace App;

/** Who answers. */
final class Identity
{
    /** @return array{version: string, release: string, color: string|null, node: string} */
    public static function describe(): array
    {
        return [
            'version' => Version::NUMBER,
            'release' => basename(base_path()),
            'color' => $_SERVER['COLOR'] ?? null,
            'node' => (string) gethostname(),
        ];
    }
}
