<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schema;

/** Contract: nothing uses the old name any more. */
return new class extends Migration
{
    public function up()
    {
        if (DB::getDriverName() === 'pgsql') {
            DB::unprepared('DROP FUNCTION notes_names() CASCADE');
        } else {
            DB::unprepared('DROP TRIGGER notes_insert');
            DB::unprepared('DROP TRIGGER notes_update');
        }
        Schema::table('notes', fn (Blueprint $table) => $table->dropColumn('title'));
    }
};
