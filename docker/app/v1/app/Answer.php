<?php

declare(strict_types=1);

namespace App;

/** JSON. Each answer says who gave it. */
final class Answer
{
    private int $status;

    /** @var array<string, mixed> */
    private array $body;

    /** @param array<string, mixed> $body */
    private function __construct(int $status, array $body)
    {
        $this->status = $status;
        $this->body = $body;
    }

    /**
     * @param array<string, mixed> $server
     * @param array<string, mixed> $more
     */
    public static function about(string $root, array $server, array $more, int $status): self
    {
        return new self($status, Identity::describe($root, $server) + $more);
    }

    public function emit(): void
    {
        $text = json_encode($this->body, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES) . "\n";
        http_response_code($this->status);
        header('Content-Type: application/json');
        header('Cache-Control: no-store');
        header('Content-Length: ' . strlen($text));
        echo $text;
    }
}
