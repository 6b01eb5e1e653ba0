<?php

namespace App\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;

/**
 * Takes so many milliseconds. Then it appends a line to storage/app/timed: the number of the job, the release that did
 * it, the moment at which the job was taken, and the number of the attempt.
 */
class TakeTime implements ShouldQueue
{
    use Dispatchable;
    use InteractsWithQueue;
    use Queueable;

    public function __construct(private int $number, private int $milliseconds)
    {
    }

    public function handle(): void
    {
        $taken = microtime(true);
        $end = hrtime(true) + $this->milliseconds * 1_000_000;
        // a signal ends usleep early
        while (($left = $end - hrtime(true)) > 0) {
            usleep(intdiv($left, 1000) + 1);
        }
        $line = implode(' ', [$this->number, basename(base_path()), sprintf('%.6f', $taken), $this->attempts()]);
        file_put_contents(storage_path('app/timed'), $line . PHP_EOL, FILE_APPEND | LOCK_EX);
    }
}
