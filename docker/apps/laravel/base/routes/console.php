<?php

use App\Jobs\TakeTime;
use App\Uploads;
use App\Version;
use Illuminate\Support\Collection;
use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\Queue;

Artisan::command('version', fn () => $this->line(Version::NUMBER))->purpose('Say which version this is');
Artisan::command('uploads:prune', fn (Uploads $uploads) => $this->line($uploads->prune() . ' uploads removed'))
    ->purpose('Remove the oldest uploads');
Artisan::command('prepare', fn () => config('database.default') === null
    ? $this->line('There is no database.')
    : $this->call('migrate', ['--force' => true]))->purpose('What the database needs before this version gets traffic');
Artisan::command('work:fill {most} {first}', function () {
    $first = (int) $this->argument('first');
    $missing = max(0, (int) $this->argument('most') - Queue::size());
    $jobs = Collection::times($missing, function (int $count) use ($first) {
        $number = $first + $count - 1;

        return new TakeTime($number, 50 + $number * 37 % 451);
    });
    Queue::bulk($jobs->all());
    $this->line((string) $missing);
})->purpose('Fill the queue up to so many jobs of 50 to 500 ms, numbered from `first`. Say how many jobs were added');
