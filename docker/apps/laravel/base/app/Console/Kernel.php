<?php

namespace App\Console;

use App\Version;
use Illuminate\Console\Scheduling\Schedule;
use Illuminate\Foundation\Console\Kernel as ConsoleKernel;

class Kernel extends ConsoleKernel
{
    protected function schedule(Schedule $schedule)
    {
        $schedule->call(static fn () => file_put_contents(
            storage_path('app/scheduled'),
            implode(' ', [sprintf('%.3f', LARAVEL_START), Version::NUMBER, basename(base_path())]) . PHP_EOL,
            FILE_APPEND,
        ))->name('heartbeat')->everyMinute();
        $schedule->call(static fn () => app('session')->driver()->getHandler()->gc(60 * config('session.lifetime')))
            ->name('old sessions')->hourly();
    }

    protected function commands()
    {
        require base_path('routes/console.php');
    }
}
