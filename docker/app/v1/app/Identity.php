<?php

declare(strict_types=1);

namespace App;

/** Who answers. */
final class Identity
{
    /**
     * @param array<string, mixed> $server
     *
     * @return array<string, string|null>
     */
    public static function describe(string $root, array $server): array
    {
        return [
            'version' => Version::NUMBER,
            'release' => basename($root),
            'color' => isset($server['COLOR']) ? (string) $server['COLOR'] : null,
            'node' => (string) gethostname(),
        ];
    }
}
