<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schema;

/** Expand: the column gets its new name beside the old name. Triggers keep both alike, whichever version writes. */
return new class extends Migration
{
    public function up()
    {
        Schema::table('notes', fn (Blueprint $table) => $table->string('heading')->nullable());
        if (DB::getDriverName() === 'pgsql') {
            DB::statement('ALTER TABLE notes ALTER COLUMN title DROP NOT NULL');
            DB::unprepared('CREATE FUNCTION notes_names() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF TG_OP = \'INSERT\' THEN
                    NEW.heading := COALESCE(NEW.heading, NEW.title);
                    NEW.title := COALESCE(NEW.title, NEW.heading);
                ELSIF NEW.heading IS DISTINCT FROM OLD.heading THEN NEW.title := NEW.heading;
                ELSE NEW.heading := NEW.title; END IF;
                RETURN NEW; END $$');
            DB::unprepared('CREATE TRIGGER notes_names BEFORE INSERT OR UPDATE ON notes FOR EACH ROW
                EXECUTE FUNCTION notes_names()');
            DB::table('notes')->whereNull('heading')->update(['title' => DB::raw('title')]);

            return;
        }
        DB::statement('ALTER TABLE notes MODIFY title varchar(255) NULL');
        DB::unprepared('CREATE TRIGGER notes_insert BEFORE INSERT ON notes FOR EACH ROW
            SET NEW.heading = COALESCE(NEW.heading, NEW.title), NEW.title = COALESCE(NEW.title, NEW.heading)');
        DB::unprepared('CREATE TRIGGER notes_update BEFORE UPDATE ON notes FOR EACH ROW
            IF NOT (NEW.heading <=> OLD.heading) THEN SET NEW.title = NEW.heading;
            ELSE SET NEW.heading = NEW.title; END IF');
        DB::table('notes')->whereNull('heading')->update(['title' => DB::raw('title')]);
    }
};
