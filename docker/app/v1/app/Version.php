<?php

declare(strict_types=1);

namespace App;

final class Version
{
    public const NUMBER = 'v1';
}
