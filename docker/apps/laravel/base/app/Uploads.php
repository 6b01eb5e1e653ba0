<?php

namespace App;

use Illuminate\Support\Facades\Storage;
use Illuminate\Support\Str;

/** Files that clients sent. The oldest go, so that a load test does not fill the disk. */
final class Uploads
{
    private const KEEP = 150;
    private const PRUNE_ABOVE = 200;

    /** The size of what was stored. */
    public function store(string $content): int
    {
        $name = sprintf('uploads/%016x-%s', (int) (microtime(true) * 1_000_000), Str::random(12));
        Storage::put($name, $content);
        $size = Storage::size($name);
        if (random_int(1, 50) === 1) {
            $this->prune();
        }

        return $size;
    }

    /** @return array<string, int> the newest and their sizes */
    public function newest(int $most = 20): array
    {
        $sizes = [];
        foreach (array_slice(array_reverse($this->names()), 0, $most) as $name) {
            $size = @filesize(Storage::path($name)); // it may have gone meanwhile
            if ($size !== false) {
                $sizes[basename($name)] = $size;
            }
        }

        return $sizes;
    }

    public function prune(): int
    {
        $names = $this->names();
        $old = count($names) > self::PRUNE_ABOVE ? array_slice($names, 0, count($names) - self::KEEP) : [];
        foreach ($old as $name) {
            @unlink(Storage::path($name));
        }

        return count($old);
    }

    /** @return list<string> oldest first */
    private function names(): array
    {
        // Storage::files() fails where a file goes meanwhile
        $names = array_values(preg_grep('/^[^.]/', @scandir(Storage::path('uploads')) ?: []));

        return array_map(static fn (string $name): string => "uploads/$name", $names);
    }
}
