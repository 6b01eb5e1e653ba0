<?php

declare(strict_types=1);

namespace App;

/** What is wrong with this version: three requests of a hundred take 300 ms more. */
final class Damage
{
    /** The status of an answer that goes wrong, null if all is well. */
    public static function strike(): ?int
    {
        if (random_int(1, 100) <= 3) {
            usleep(300_000);
        }

        return null;
    }
}
