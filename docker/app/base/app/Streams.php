<?php

declare(strict_types=1);

namespace App;

/**
 * A WebSocket server in one process: it echoes what it gets, and says who it is; a ping a second. What is asked
 * without an upgrade, under a path that ends with /events, gets server-sent events, one every fifth of a second.
 */
final class Streams
{
    private const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    private const TEXT = 1;
    private const CLOSE = 8;
    private const PING = 9;
    private const PONG = 10;

    /** @var array<int, array{0: resource, 1: string, 2: string}> a connection, what it is, and what it sent */
    private array $open = [];

    private string $socket;

    /** @var array<string, string|null> */
    private array $who;

    /** @param array<string, string|null> $who */
    public function __construct(string $socket, array $who)
    {
        $this->socket = $socket;
        $this->who = $who;
    }

    /** Never returns. */
    public function serve(): void
    {
        $listener = stream_socket_server('unix://' . $this->socket);
        if ($listener === false) {
            exit(1);
        }
        $pinged = $told = 0.0;
        while (true) {
            $read = [$listener, ...array_column($this->open, 0)];
            $none = null;
            if (stream_select($read, $none, $none, 0, 100_000)) {
                foreach ($read as $ready) {
                    $ready === $listener ? $this->accept($listener) : $this->read($ready);
                }
            }
            $now = microtime(true);
            if ($now - $told >= 0.2) {
                $told = $now;
                $this->all('events', fn (): string => 'data: ' . $this->say(['at' => $now]) . "\n\n");
            }
            if ($now - $pinged >= 1) {
                $pinged = $now;
                $this->all('socket', static fn (): string => self::frame(self::PING, ''));
            }
        }
    }

    /** @param resource $listener */
    private function accept($listener): void
    {
        $connection = @stream_socket_accept($listener, 0);
        if ($connection !== false) {
            stream_set_blocking($connection, false);
            $this->open[(int) $connection] = [$connection, 'new', ''];
        }
    }

    /** @param resource $connection */
    private function read($connection): void
    {
        $id = (int) $connection;
        $data = @fread($connection, 65536);
        if ($data === '' || $data === false) {
            $this->close($id);
            return;
        }
        $this->open[$id][2] .= $data;
        if ($this->open[$id][1] === 'new') {
            $this->greet($id);
        }
        if (($this->open[$id][1] ?? '') === 'socket') {
            $this->frames($id);
        }
    }

    /** Answer a request once its head is there. */
    private function greet(int $id): void
    {
        [$head, $rest] = [...explode("\r\n\r\n", $this->open[$id][2], 2), null];
        if ($rest === null) {
            return;
        }
        $this->open[$id][2] = $rest;
        $path = explode('?', explode(' ', $head)[1] ?? '/')[0];
        if (preg_match('/^Sec-WebSocket-Key:\s*(\S+)/mi', $head, $key)) {
            $accept = base64_encode(sha1($key[1] . self::GUID, true));
            $this->open[$id][1] = 'socket';
            $this->send($id, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                . "Sec-WebSocket-Accept: $accept\r\n\r\n" . self::frame(self::TEXT, $this->say(['echo' => null])));
        } elseif (substr($path, -7) === '/events') {
            $this->open[$id][1] = 'events';
            $this->send($id, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                . "Connection: close\r\n\r\n");
        } else {
            $text = $this->say(['streams' => count($this->open) - 1]) . "\n";
            $this->send($id, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                . 'Content-Length: ' . strlen($text) . "\r\n\r\n$text");
            $this->close($id);
        }
    }

    /** Every whole frame of a client's: short ones, masked, not split. */
    private function frames(int $id): void
    {
        while (isset($this->open[$id]) && strlen($this->open[$id][2]) >= 6) {
            $data = $this->open[$id][2];
            $length = ord($data[1]) & 127;
            $start = 2;
            if ($length === 126) {
                $length = unpack('n', substr($data, 2, 2))[1];
                $start = 4;
            }
            if (strlen($data) < $start + 4 + $length) {
                return;
            }
            $this->open[$id][2] = substr($data, $start + 4 + $length);
            $mask = substr($data, $start, 4);
            $text = substr($data, $start + 4, $length) ^ str_pad('', $length, $mask);
            $kind = ord($data[0]) & 15;
            if ($kind === self::TEXT) {
                $this->send($id, self::frame(self::TEXT, $this->say(['echo' => $text])));
            } elseif ($kind === self::PING) {
                $this->send($id, self::frame(self::PONG, $text));
            } elseif ($kind === self::CLOSE) {
                $this->bye($id, $text);
            }
        }
    }

    private function bye(int $id, string $reason): void
    {
        $this->send($id, self::frame(self::CLOSE, $reason));
        $this->close($id);
    }

    /** @param callable(): string $make */
    private function all(string $what, callable $make): void
    {
        foreach ($this->open as $id => $one) {
            if ($one[1] === $what) {
                $this->send($id, $make());
            }
        }
    }

    private function send(int $id, string $data): void
    {
        if (isset($this->open[$id]) && @fwrite($this->open[$id][0], $data) === false) {
            $this->close($id);
        }
    }

    private function close(int $id): void
    {
        if (isset($this->open[$id])) {
            fclose($this->open[$id][0]);
            unset($this->open[$id]);
        }
    }

    /** @param array<string, mixed> $more */
    private function say(array $more): string
    {
        return json_encode($this->who + $more, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES);
    }

    private static function frame(int $kind, string $text): string
    {
        $length = strlen($text);

        return chr(128 | $kind) . ($length < 126 ? chr($length) : chr(126) . pack('n', $length)) . $text;
    }
}
