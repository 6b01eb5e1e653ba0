<?php

namespace App\Http\Controllers;

use App\Identity;
use App\Version;
use Illuminate\Http\Request;
use Illuminate\Routing\Controller;

class LoginController extends Controller
{
    public function login(Request $request)
    {
        $name = trim((string) $request->input('name'));
        if ($name === '') {
            return response()->json(Identity::describe() + ['error' => 'a name is missing'], 422);
        }
        $request->session()->regenerate(true);
        $request->session()->put(['name' => $name, 'since' => time(), 'version' => Version::NUMBER]);

        return $this->me($request);
    }

    public function me(Request $request)
    {
        $session = $request->session();
        if (!$session->has('name')) {
            return response()->json(Identity::describe() + ['error' => 'nobody is logged in'], 401);
        }

        return response()->json(Identity::describe() + [
            'name' => $session->get('name'),
            'since' => $session->get('since'),
            'logged_in_at' => $session->get('version'),
        ]);
    }
}
