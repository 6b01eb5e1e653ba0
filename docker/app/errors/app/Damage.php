<?php

declare(strict_types=1);

namespace App;

/** What is wrong with this version: one request of ten is answered 500. */
final class Damage
{
    /** The status of an answer that goes wrong, null if all is well. */
    public static function strike(): ?int
    {
        return random_int(1, 10) === 1 ? 500 : null;
    }
}
