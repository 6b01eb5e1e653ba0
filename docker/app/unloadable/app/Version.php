<?php

declare(strict_types=1);

namespace App;

/** Which version this is: one that cannot be preloaded. */
final class Version
{
    public const NUMBER = 'v2';
}

if (!isset($_SERVER['REQUEST_URI'])) {
    throw new \RuntimeException('no preloading today');
}
