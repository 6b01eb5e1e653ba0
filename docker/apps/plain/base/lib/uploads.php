<?php

declare(strict_types=1);

/** Keeps what a client sent, the newest twenty of them. Its size, null if it cannot be written. */
function store(string $stream): ?int
{
    $folder = dirname(__DIR__) . '/storage/uploads/';
    $name = sprintf('%016x-%s', (int) (microtime(true) * 1_000_000), bin2hex(random_bytes(6)));
    if ((!is_dir($folder) && !@mkdir($folder, 0775, true) && !is_dir($folder)) || !@copy($stream, $folder . $name)) {
        return null;
    }
    $size = (int) filesize($folder . $name);
    if (random_int(1, 20) === 1) {
        $names = array_values(preg_grep('/^[^.]/', scandir($folder))); // oldest first
        foreach (array_slice($names, 0, max(0, count($names) - 20)) as $old) {
            @unlink($folder . $old);
        }
    }

    return $size;
}
