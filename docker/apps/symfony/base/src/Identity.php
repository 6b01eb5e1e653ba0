<?php

namespace App;

/** Who answers. */
final class Identity
{
    public function __construct(private string $root)
    {
    }

    /** @return array{version: string, release: string, color: string|null, node: string} */
    public function describe(): array
    {
        return [
            'version' => Version::NUMBER,
            'release' => basename($this->root),
            'color' => $_SERVER['COLOR'] ?? null,
            'node' => (string) gethostname(),
        ];
    }
}
