<?php

declare(strict_types=1);

const VERSION = 'v2';
