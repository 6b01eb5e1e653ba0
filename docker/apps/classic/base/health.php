<?php

declare(strict_types=1);

require __DIR__ . '/lib/answer.php';

answer(['storage' => is_writable(ROOT . '/data') ? 'ok' : 'not writable']);
