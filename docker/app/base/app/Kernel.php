<?php

declare(strict_types=1);

namespace App;

/** From a request to its answer. As all of this application, it runs with every PHP from 7.4 on. */
final class Kernel
{
    private string $root;
    private Uploads $uploads;

    public function __construct(string $root)
    {
        $this->root = $root;
        $this->uploads = new Uploads($root . '/storage/uploads');
    }

    /** @param array<string, mixed> $server */
    public function handle(array $server): Answer
    {
        $path = parse_url((string) ($server['REQUEST_URI'] ?? '/'), PHP_URL_PATH);
        $method = (string) ($server['REQUEST_METHOD'] ?? 'GET');

        switch (true) {
            case $path === '/' && $method !== 'POST':
                return $this->home($server);
            case $path === '/slow':
                return $this->slow($server);
            case $path === '/upload' && $method === 'POST':
                return $this->upload($server);
            case $path === '/login' && $method === 'POST':
                return $this->login($server);
            case $path === '/me':
                return $this->me($server);
            case $path === '/health':
                return $this->health($server);
            case $path === '/headers':
                return $this->headers($server);
        }

        return $this->answer($server, ['error' => 'not found'], 404);
    }

    /** @param array<string, mixed> $server */
    private function home(array $server): Answer
    {
        $status = Damage::strike();

        return $status === null ? $this->answer($server) : $this->answer($server, ['error' => 'damaged'], $status);
    }

    /** @param array<string, mixed> $server */
    private function slow(array $server): Answer
    {
        $seconds = min(30.0, max(0.0, (float) ($_GET['s'] ?? 2)));
        usleep((int) ($seconds * 1_000_000));

        return $this->answer($server);
    }

    /** @param array<string, mixed> $server */
    private function upload(array $server): Answer
    {
        $size = $this->uploads->store('php://input');

        return $size === null
            ? $this->answer($server, ['error' => 'storage is not writable'], 507)
            : $this->answer($server, ['size' => $size]);
    }

    /** @param array<string, mixed> $server */
    private function login(array $server): Answer
    {
        $name = trim((string) ($_POST['name'] ?? ''));

        return $name === ''
            ? $this->answer($server, ['error' => 'a name is missing'], 422)
            : $this->answer($server, Login::begin($name));
    }

    /** @param array<string, mixed> $server */
    private function me(array $server): Answer
    {
        $who = Login::who();

        return $who === null
            ? $this->answer($server, ['error' => 'nobody is logged in'], 401)
            : $this->answer($server, $who);
    }

    /** @param array<string, mixed> $server */
    private function health(array $server): Answer
    {
        return $this->uploads->writable()
            ? $this->answer($server, ['storage' => 'ok'])
            : $this->answer($server, ['storage' => 'not writable'], 503);
    }

    /** What of the request's head came as far as here. @param array<string, mixed> $server */
    private function headers(array $server): Answer
    {
        return $this->answer($server, ['headers' => array_filter(
            $server,
            static fn (string $name): bool => strpos($name, 'HTTP_') === 0,
            ARRAY_FILTER_USE_KEY,
        )]);
    }

    /**
     * @param array<string, mixed> $server
     * @param array<string, mixed> $more
     */
    private function answer(array $server, array $more = [], int $status = 200): Answer
    {
        return Answer::about($this->root, $server, $more, $status);
    }
}
