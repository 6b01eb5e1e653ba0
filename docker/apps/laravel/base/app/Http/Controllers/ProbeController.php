<?php

namespace App\Http\Controllers;

use App\Identity;
use App\Jobs\WriteDown;
use App\Uploads;
use Illuminate\Http\Request;
use Illuminate\Routing\Controller;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Storage;
use Throwable;

class ProbeController extends Controller
{
    public function slow(Request $request)
    {
        usleep((int) (min(30.0, max(0.0, (float) $request->query('s', 2))) * 1_000_000));

        return $this->answer();
    }

    public function upload(Request $request, Uploads $uploads)
    {
        return $this->answer(['size' => $uploads->store($request->getContent())]);
    }

    /** Whether it can do its work: storage can be written, and the database, if there is one, answers. */
    public function health()
    {
        $said = ['storage' => $this->works(function () {
            Storage::put($name = 'health-' . bin2hex(random_bytes(6)), 'health');
            Storage::delete($name);
        })];
        if (config('database.default') !== null) {
            $said['database'] = $this->works(static fn () => DB::select('SELECT 1'));
        }

        return $this->answer($said, array_unique(array_values($said)) === ['ok'] ? 200 : 503);
    }

    /** Work for the queue: it writes down which version did it. */
    public function work(Request $request)
    {
        WriteDown::dispatch((string) $request->input('word', 'work'));

        return $this->answer(['queued' => true]);
    }

    private function works(callable $try): string
    {
        try {
            $try();
        } catch (Throwable $error) {
            report($error);

            return 'does not work';
        }

        return 'ok';
    }

    private function answer(array $more = [], int $status = 200)
    {
        return response()->json(Identity::describe() + $more, $status, ['Cache-Control' => 'no-store']);
    }
}
