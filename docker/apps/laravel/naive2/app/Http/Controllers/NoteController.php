<?php

namespace App\Http\Controllers;

use App\Identity;
use Illuminate\Http\Request;
use Illuminate\Routing\Controller;
use Illuminate\Support\Facades\DB;

/** Notes in the table of that name, whose column `heading` was called `title` before. */
class NoteController extends Controller
{
    public function add(Request $request)
    {
        $id = DB::table('notes')->insertGetId(['heading' => (string) $request->input('word')]);

        return $this->answer($id, (string) $request->input('word'));
    }

    public function show(int $id)
    {
        $note = DB::table('notes')->select('id', 'heading')->where('id', $id)->first();

        return $this->answer($id, $note->heading);
    }

    private function answer(int $id, string $word)
    {
        return response()->json(Identity::describe() + ['id' => $id, 'word' => $word], 200, ['Cache-Control' => 'no-store']);
    }
}
