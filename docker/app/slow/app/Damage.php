<?php

declare(strict_types=1);

namespace App;

/** What is wrong with this version: all of it is slower, and the slowest most: waits of an exponential distribution. */
final class Damage
{
    /** The status of an answer that goes wrong, null if all is well. */
    public static function strike(): ?int
    {
        usleep((int) (-40_000 * log(random_int(1, 1_000_000) / 1_000_000)));

        return null;
    }
}
