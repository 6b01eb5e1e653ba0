<?php

/**
 * Plugin Name: Fleet
 * Description: Who answers, and what a probe asks for: /health, /slow and /upload.
 */

namespace Fleet;

/** @return array{version: string, release: string, color: string|null, node: string} */
function identity(): array
{
    return [
        'version' => VERSION,
        'release' => basename(ABSPATH),
        'color' => $_SERVER['COLOR'] ?? null,
        'node' => (string) gethostname(),
    ];
}

function answer(array $more = [], int $status = 200): never
{
    status_header($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode(identity() + $more), "\n";
    exit;
}

/** Keeps what a client sent, the newest twenty of them. Its size, null if it cannot be written. */
function store(string $content): ?int
{
    $folder = wp_upload_dir(null, false)['basedir'] . '/probe/';
    $name = sprintf('%016x-%s', (int) (microtime(true) * 1_000_000), bin2hex(random_bytes(6)));
    if (!wp_mkdir_p($folder) || @file_put_contents($folder . $name, $content) !== strlen($content)) {
        return null;
    }
    if (random_int(1, 20) === 1) {
        $names = array_values(preg_grep('/^[^.]/', scandir($folder))); // oldest first
        foreach (array_slice($names, 0, max(0, count($names) - 20)) as $old) {
            @unlink($folder . $old);
        }
    }

    return strlen($content);
}

function health(): never
{
    global $wpdb;
    $works = [
        'storage' => store('health') !== null,
        'database' => (int) $wpdb->get_var('SELECT 1') === 1,
    ];
    answer(
        array_map(static fn (bool $does) => $does ? 'ok' : 'does not work', $works),
        in_array(false, $works, true) ? 503 : 200,
    );
}

// Once everything is loaded: what these answer shows that all of WordPress works.
add_action('wp_loaded', static function (): void {
    $post = ($_SERVER['REQUEST_METHOD'] ?? 'GET') === 'POST';
    switch (parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH)) {
        case '/health':
            health();
        case '/slow':
            usleep((int) (min(30.0, max(0.0, (float) ($_GET['s'] ?? 2))) * 1_000_000));
            answer();
        case '/upload':
            if ($post) {
                $size = store((string) file_get_contents('php://input'));
                answer($size === null ? ['error' => 'storage is not writable'] : ['size' => $size], $size === null ? 507 : 200);
            }
    }
});

add_action('wp_footer', static function (): void {
    echo '<footer>';
    foreach (identity() as $what => $value) {
        printf('<span data-%s="%s">%1$s %2$s</span> ', esc_attr($what), esc_attr($value ?? 'unknown'));
    }
    echo '</footer>';
});
