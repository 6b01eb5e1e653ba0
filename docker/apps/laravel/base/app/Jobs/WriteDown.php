<?php

namespace App\Jobs;

use App\Version;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;

/** Appends a word to storage/app/worked, with the version and release that did it. */
class WriteDown implements ShouldQueue
{
    use Dispatchable;
    use InteractsWithQueue;
    use Queueable;

    public function __construct(private string $word)
    {
    }

    public function handle(): void
    {
        $line = implode(' ', [$this->word, Version::NUMBER, basename(base_path())]);
        file_put_contents(storage_path('app/worked'), $line . PHP_EOL, FILE_APPEND | LOCK_EX);
    }
}
