<?php

namespace App\Http\Controllers;

use App\Uploads;
use Illuminate\Http\Request;
use Illuminate\Routing\Controller;

class PageController extends Controller
{
    public function home(Request $request)
    {
        return view('home', ['visits' => $this->count($request)]);
    }

    public function uploads(Uploads $uploads)
    {
        return view('uploads', ['files' => $uploads->newest()]);
    }

    /** How often who is logged in was here, null if nobody is. */
    private function count(Request $request): ?int
    {
        if (!$request->session()->has('name')) {
            return null;
        }
        $visits = 1 + (int) $request->session()->get('visits', 0);
        $request->session()->put('visits', $visits);

        return $visits;
    }
}
