<?php

namespace App\Controller;

use App\Database;
use App\Identity;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

/** Notes in the table of that name, whose column `heading` was called `title` before. */
class NoteController extends AbstractController
{
    public function __construct(private Identity $identity, private Database $database)
    {
    }

    public function add(Request $request): Response
    {
        $word = (string) $request->toArray()['word'];
        $connection = $this->database->connection();
        $connection->insert('notes', ['heading' => $word]);

        return $this->answer((int) $connection->lastInsertId(), $word);
    }

    public function show(int $id): Response
    {
        $word = $this->database->connection()->fetchOne('SELECT heading FROM notes WHERE id = ?', [$id]);

        return $this->answer($id, $word);
    }

    private function answer(int $id, string $word): Response
    {
        $said = $this->identity->describe() + ['id' => $id, 'word' => $word];

        return $this->json($said, 200, ['Cache-Control' => 'no-store']);
    }
}
