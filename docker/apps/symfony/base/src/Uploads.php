<?php

namespace App;

/** Files that clients sent. The oldest go, so that a load test does not fill the disk. */
final class Uploads
{
    private const KEEP = 150;
    private const PRUNE_ABOVE = 200;

    private string $folder;

    public function __construct(string $root)
    {
        $this->folder = $root . '/var/uploads/';
    }

    /** The size of what was stored, null if it could not be. */
    public function store(string $content): ?int
    {
        $name = $this->folder . sprintf('%016x-%s', (int) (microtime(true) * 1_000_000), bin2hex(random_bytes(6)));
        if (@file_put_contents($name, $content) !== strlen($content)) {
            @unlink($name);

            return null;
        }
        $size = (int) filesize($name);
        if (random_int(1, 50) === 1) {
            $this->prune();
        }

        return $size;
    }

    /** Whether a file can be made, written and removed. */
    public function writable(): bool
    {
        $name = $this->folder . '.health-' . bin2hex(random_bytes(6));
        $good = @file_put_contents($name, 'health') === 6;

        return @unlink($name) && $good;
    }

    /** @return array<string, int> the newest and their sizes */
    public function newest(int $most = 20): array
    {
        $sizes = [];
        foreach (array_slice(array_reverse($this->names()), 0, $most) as $name) {
            $size = @filesize($this->folder . $name); // it may have gone meanwhile
            if ($size !== false) {
                $sizes[$name] = $size;
            }
        }

        return $sizes;
    }

    private function prune(): void
    {
        $names = $this->names();
        $old = count($names) > self::PRUNE_ABOVE ? array_slice($names, 0, count($names) - self::KEEP) : [];
        foreach ($old as $name) {
            @unlink($this->folder . $name);
        }
    }

    /** @return list<string> oldest first */
    private function names(): array
    {
        return array_values(preg_grep('/^[^.]/', scandir($this->folder) ?: []));
    }
}
