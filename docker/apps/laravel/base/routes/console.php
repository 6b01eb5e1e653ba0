<?php

use App\Uploads;
use App\Version;
use Illuminate\Support\Facades\Artisan;

Artisan::command('version', fn () => $this->line(Version::NUMBER))->purpose('Say which version this is');
Artisan::command('uploads:prune', fn (Uploads $uploads) => $this->line($uploads->prune() . ' uploads removed'))
    ->purpose('Remove the oldest uploads');
Artisan::command('prepare', fn () => config('database.default') === null
    ? $this->line('There is no database.')
    : $this->call('migrate', ['--force' => true]))->purpose('What the database needs before this version gets traffic');
