<?php

declare(strict_types=1);

// A PHP application without a framework, whose tree is its document root.

require __DIR__ . '/lib/version.php';
require __DIR__ . '/lib/uploads.php';

$path = parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH);
$post = ($_SERVER['REQUEST_METHOD'] ?? 'GET') === 'POST';
[$status, $more] = match (true) {
    $path === '/' && !$post => [200, []],
    $path === '/slow' => slow((float) ($_GET['s'] ?? 2)),
    $path === '/upload' && $post => [200, ['size' => store('php://input')]],
    $path === '/health' => store('data:,health') === 6 ? [200, ['storage' => 'ok']] : [503, ['storage' => 'not writable']],
    default => [404, ['error' => 'not found']],
};
http_response_code($status);
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode([
    'version' => VERSION,
    'release' => basename(__DIR__),
    'color' => $_SERVER['COLOR'] ?? null,
    'node' => gethostname(),
] + $more), "\n";

/** @return array{int, array<string, mixed>} */
function slow(float $seconds): array
{
    usleep((int) (min(30.0, max(0.0, $seconds)) * 1_000_000));

    return [200, []];
}
