<?php
/*
 * What code does this FPM run? Asked through its socket by cgi-fcgi (provision/fastcgi.py); it stands
 * outside every document root, so no HTTP request can reach it.
 *
 * DOCUMENT_ROOT      the document root to ask about, links allowed
 * QUERY_STRING       compile=1: put every PHP file of that release into the OPcache
 *                    script=index.php: is this file of the document root cached?
 *
 * Prints one JSON object.
 */

declare(strict_types=1);

ini_set('display_errors', '0');
header('Content-Type: application/json');

/** @return array{pid: int, started: ?float} the FPM master: its process id and start in Unix time */
function master(): array
{
    $own = (string) file_get_contents('/proc/self/stat');
    // The name, in parentheses, may hold anything; fields are counted after the last one.
    $parent = (int) explode(' ', substr($own, strrpos($own, ')') + 2))[1];
    $stat = (string) @file_get_contents("/proc/$parent/stat");
    $boot = preg_match('/^btime (\d+)$/m', (string) file_get_contents('/proc/stat'), $found) ? (int) $found[1] : null;
    if ($stat === '' || $boot === null) {
        return ['pid' => $parent, 'started' => null];
    }
    $ticks = (int) explode(' ', substr($stat, strrpos($stat, ')') + 2))[19];
    return ['pid' => $parent, 'started' => $boot + $ticks / 100];
}

/** @return array{compiled: int, errors: list<string>} */
function compile(string $directory): array
{
    $compiled = 0;
    $errors = [];
    $files = new RecursiveIteratorIterator(
        new RecursiveDirectoryIterator($directory, FilesystemIterator::SKIP_DOTS),
        RecursiveIteratorIterator::LEAVES_ONLY,
        RecursiveIteratorIterator::CATCH_GET_CHILD
    );
    foreach ($files as $file) {
        if (!$file->isFile() || $file->isLink() || $file->getExtension() !== 'php') {
            continue;
        }
        try {
            if (@opcache_compile_file($file->getPathname())) {
                $compiled++;
            } else {
                $errors[] = $file->getPathname();
            }
        } catch (Throwable $error) {
            $errors[] = $file->getPathname() . ': ' . $error->getMessage();
        }
    }
    return ['compiled' => $compiled, 'errors' => $errors];
}

parse_str((string) ($_SERVER['QUERY_STRING'] ?? ''), $query);
clearstatcache(true);
$given = (string) ($_SERVER['DOCUMENT_ROOT'] ?? '');
$real = $given === '' ? false : realpath($given);
$release = $real !== false && preg_match('~^(.*/releases/([^/]+))/~', $real . '/', $found) ? $found[2] : null;
$releasePath = $release === null ? null : $found[1] . '/';
$releases = $release === null ? null : substr($releasePath, 0, -strlen($release) - 1);

$answer = [
    'document_root' => $given,
    'realpath' => $real === false ? null : $real,
    'release' => $release,
    'master' => master(),
    'php' => PHP_VERSION,
];
if (!empty($query['compile']) && $releasePath !== null) {
    set_time_limit(0);
    $answer += compile($releasePath);
}

$status = function_exists('opcache_get_status') ? @opcache_get_status(true) : false;
$opcache = ['enabled' => $status !== false && $status['opcache_enabled']];
if ($status !== false) {
    $scripts = array_keys($status['scripts'] ?? []);
    // This file is nobody's release, and counts as neither.
    $own = $releasePath === null ? [] : array_filter($scripts, fn ($file) => str_starts_with($file, $releasePath));
    $others = array_filter(
        $scripts,
        fn ($file) => ($releases === null ? str_contains($file, '/releases/') : str_starts_with($file, $releases))
            && ($releasePath === null || !str_starts_with($file, $releasePath))
    );
    $opcache += [
        'used' => $status['memory_usage']['used_memory'],
        'free' => $status['memory_usage']['free_memory'],
        'wasted' => $status['memory_usage']['wasted_memory'],
        'num_cached_scripts' => $status['opcache_statistics']['num_cached_scripts'],
        'max_cached_keys' => $status['opcache_statistics']['max_cached_keys'],
        'oom_restarts' => $status['opcache_statistics']['oom_restarts'],
        'hash_restarts' => $status['opcache_statistics']['hash_restarts'],
        'validate_timestamps' => (bool) ini_get('opcache.validate_timestamps'),
        'own' => count($own),
        'others' => count($others),
    ];
    if (isset($query['script']) && $real !== false) {
        $opcache['script_cached'] = in_array($real . '/' . $query['script'], $scripts, true);
    }
}
echo json_encode($answer + ['opcache' => $opcache], JSON_UNESCAPED_SLASHES), "\n";
