<?php

namespace App;

final class Version
{
    public const NUMBER = 'v1';
}
