<?php

namespace App\Controller;

use App\Database;
use App\Identity;
use App\Uploads;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

class ProbeController extends AbstractController
{
    public function __construct(private Identity $identity, private Uploads $uploads)
    {
    }

    /** Whether it can do its work: storage can be written, and the database, if there is one, answers. */
    public function health(Database $database): Response
    {
        $works = ['storage' => $this->uploads->writable(), 'database' => $database->answers()];
        $said = array_map(
            static fn (bool $does) => $does ? 'ok' : 'does not work',
            array_filter($works, static fn (?bool $does) => $does !== null),
        );

        return $this->answer($said, in_array(false, $works, true) ? 503 : 200);
    }

    public function slow(Request $request): Response
    {
        usleep((int) (min(30.0, max(0.0, (float) $request->query->get('s', '2'))) * 1_000_000));

        return $this->answer();
    }

    public function upload(Request $request): Response
    {
        $size = $this->uploads->store($request->getContent());

        return $size === null
            ? $this->answer(['error' => 'storage is not writable'], 507)
            : $this->answer(['size' => $size]);
    }

    private function answer(array $more = [], int $status = 200): Response
    {
        return $this->json($this->identity->describe() + $more, $status, ['Cache-Control' => 'no-store']);
    }
}
