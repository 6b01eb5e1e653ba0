<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;

/** The column gets another name at once, so each query of the live version fails. */
return new class extends Migration
{
    public function up()
    {
        DB::statement('ALTER TABLE notes RENAME COLUMN title TO heading');
    }
};
