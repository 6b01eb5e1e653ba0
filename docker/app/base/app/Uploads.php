<?php

declare(strict_types=1);

namespace App;

/** Files that clients sent. The oldest go, so that a load test does not fill the disk. */
final class Uploads
{
    private const KEEP = 150;
    private const PRUNE_ABOVE = 200;

    private string $folder;

    public function __construct(string $folder)
    {
        $this->folder = $folder;
    }

    /** Store a stream under a name of its own. Its size, or null if it could not be stored whole. */
    public function store(string $stream): ?int
    {
        $name = $this->name();
        $size = $name === null ? false : @copy($stream, $name);
        if ($name === null || $size === false) {
            $name === null || @unlink($name);

            return null;
        }
        clearstatcache(true, $name);
        $size = (int) @filesize($name);
        if (random_int(1, 20) === 1) {
            $this->prune();
        }

        return $size;
    }

    /** Whether a file can be made, written and removed. */
    public function writable(): bool
    {
        $name = $this->name();
        $good = $name !== null && @file_put_contents($name, 'health') === 6;
        $name === null || @unlink($name);

        return $good;
    }

    /** Remove the oldest files. One request at a time does it, and none waits for it. */
    public function prune(): int
    {
        $lock = @fopen($this->folder . '/.lock', 'c');
        if ($lock === false || !flock($lock, LOCK_EX | LOCK_NB)) {
            return 0;
        }
        $names = array_values(preg_grep('/^[^.]/', scandir($this->folder) ?: []) ?: []); // oldest first
        $old = count($names) > self::PRUNE_ABOVE ? array_slice($names, 0, count($names) - self::KEEP) : [];
        foreach ($old as $name) {
            @unlink($this->folder . '/' . $name);
        }
        flock($lock, LOCK_UN);

        return count($old);
    }

    private function name(): ?string
    {
        if (!is_dir($this->folder) && !@mkdir($this->folder, 0775, true) && !is_dir($this->folder)) {
            return null;
        }

        return sprintf('%s/%016x-%s', $this->folder, (int) (microtime(true) * 1_000_000), bin2hex(random_bytes(6)));
    }
}
