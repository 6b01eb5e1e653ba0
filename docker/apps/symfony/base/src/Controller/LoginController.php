<?php

namespace App\Controller;

use App\Identity;
use App\Version;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

class LoginController extends AbstractController
{
    public function __construct(private Identity $identity)
    {
    }

    public function login(Request $request): Response
    {
        $name = trim((string) $request->request->get('name'));
        if ($name === '') {
            return $this->json($this->identity->describe() + ['error' => 'a name is missing'], 422);
        }
        $session = $request->getSession();
        $session->migrate(true);
        $session->replace(['name' => $name, 'since' => time(), 'version' => Version::NUMBER]);

        return $this->me($request);
    }

    public function me(Request $request): Response
    {
        $session = $request->getSession();
        if (!$session->has('name')) {
            return $this->json($this->identity->describe() + ['error' => 'nobody is logged in'], 401);
        }

        return $this->json($this->identity->describe() + [
            'name' => $session->get('name'),
            'since' => $session->get('since'),
            'logged_in_at' => $session->get('version'),
        ]);
    }
}
