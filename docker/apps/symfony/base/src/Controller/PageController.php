<?php

namespace App\Controller;

use App\Uploads;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Kernel;

class PageController extends AbstractController
{
    public function home(): Response
    {
        return $this->render('home.html.twig', ['framework' => Kernel::VERSION]);
    }

    public function uploads(Uploads $uploads): Response
    {
        return $this->render('uploads.html.twig', ['files' => $uploads->newest()]);
    }
}
