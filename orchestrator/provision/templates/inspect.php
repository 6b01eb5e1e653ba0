<?php
/*
 * Prints which code this PHP-FPM runs. The program cgi-fcgi sends the request to the socket of PHP-FPM (see
 * scripts/fastcgi.py). This file is outside of every document root, so no HTTP request can reach it.
 *
 * DOCUMENT_ROOT      the document root of a release; the path may contain symlinks
 * QUERY_STRING       compile[]=app: compile the PHP files at this path of the release into OPcache; "." means all files
 *                    exclude[]=tests*: do not compile files whose path in the release matches this pattern
 *                    entry[]=index.php: a request can run the files whose path in the document root matches this pattern
 *                    script=index.php: say whether OPcache has this file of the document root
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
    // The name, in parentheses, may hold anything, so fields are counted after the last parenthesis.
    $parent = (int) explode(' ', substr($own, strrpos($own, ')') + 2))[1];
    $stat = (string) @file_get_contents("/proc/$parent/stat");
    $boot = preg_match('/^btime (\d+)$/m', (string) file_get_contents('/proc/stat'), $found) ? (int) $found[1] : null;
    if ($stat === '' || $boot === null) {
        return ['pid' => $parent, 'started' => null];
    }
    $ticks = (int) explode(' ', substr($stat, strrpos($stat, ')') + 2))[19];
    return ['pid' => $parent, 'started' => $boot + $ticks / 100];
}

/** @return iterable<SplFileInfo> the file at a path, or all below it; links are not followed */
function below(string $path): iterable
{
    if (!is_dir($path)) {
        return is_file($path) ? [new SplFileInfo($path)] : [];
    }
    return new RecursiveIteratorIterator(
        new RecursiveDirectoryIterator($path, FilesystemIterator::SKIP_DOTS),
        RecursiveIteratorIterator::LEAVES_ONLY,
        RecursiveIteratorIterator::CATCH_GET_CHILD
    );
}

/**
 * @param string $log PHP's error log, which is empty
 * @return ?string null if the file is in OPcache now, otherwise PHP's message
 */
function problem(string $file, string $log): ?string
{
    try {
        if (@opcache_compile_file($file)) {
            return null;
        }
    } catch (Throwable $error) {
        return $error->getMessage() . ' on line ' . $error->getLine();
    }
    // PHP tells fatal errors only to its log
    $told = preg_match('/PHP Fatal error:  (.*) in \S+ (on line \d+)/', (string) file_get_contents($log), $found);
    file_put_contents($log, '');
    return $told ? "$found[1] $found[2]" : 'no message of PHP';
}

/**
 * @param string $why PHP's message about the file
 * @return bool whether another file of the release declares a function of the same name
 *
 * PHP keeps the functions of a compiled file until the end of the request, and refuses a second function of the same
 * name. An application that has two such files never loads both of them for one request.
 */
function clashes(string $file, string $why): bool
{
    return preg_match('/^Cannot redeclare .*\(previously declared in (.*):\d+\)/', $why, $found) && $found[1] !== $file;
}

/** @return bool whether a script with a first line such as "#!/usr/bin/env php" compiles without this line */
function compilesAfterFirstLine(string $file, string $log): bool
{
    $text = (string) file_get_contents($file);
    if (strncmp($text, '#!', 2) !== 0) {
        return false;
    }
    // PHP leaves this line out when a person runs the script, but not when it compiles the file for a request
    $copy = tempnam(sys_get_temp_dir(), 'compile');
    file_put_contents($copy, substr((string) strstr($text, "\n"), 1));
    $good = problem($copy, $log) === null;
    opcache_invalidate($copy, true);
    unlink($copy);
    return $good;
}

/**
 * @param string $root document root
 * @param list<string> $paths in the release
 * @param list<string> $exclude patterns of paths in the release
 * @param list<string> $entries patterns of paths in the document root, for the files that a request can run
 * @return array{files: int, failed: int, first: ?string, broken: list<array{file: string, why: string}>,
 *     seconds: float} how many files there were, how many do not compile, the first of these that no request can run,
 *     and those that a request can run, the nearest to the document root first
 */
function compile(string $release, string $root, array $paths, array $exclude, array $entries): array
{
    $began = microtime(true);
    $files = $aside = $broken = [];
    $log = tempnam(sys_get_temp_dir(), 'compile');
    $before = [ini_set('log_errors', '1'), ini_set('error_log', $log)];
    foreach ($paths as $path) {
        foreach (below($path === '.' ? rtrim($release, '/') : $release . $path) as $file) {
            $name = $file->getPathname();
            $short = substr($name, strlen($release));
            if ($file->getExtension() !== 'php' || $file->isLink() || !$file->isFile() || isset($files[$name])) {
                continue;
            }
            if (array_filter($exclude, fn ($pattern) => fnmatch($pattern, $short))) {
                continue;
            }
            $files[$name] = true;
            $why = problem($name, $log);
            if ($why === null) {
                continue;
            }
            if (clashes($name, $why)) {
                // the file compiles alone, and the first request that loads the file puts the file into OPcache
                unset($files[$name]);
                continue;
            }
            $public = strpos($name, "$root/") === 0 ? substr($name, strlen($root) + 1) : null;
            if ($public !== null && array_filter($entries, fn ($pattern) => fnmatch($pattern, $public))) {
                $broken[] = ['file' => $short, 'why' => $why];
            } elseif (compilesAfterFirstLine($name, $log)) {
                unset($files[$name]);
            } else {
                $aside[] = $short;
            }
        }
    }
    // PHP sets the status 500 if a file has a fatal error, but this request has found the error and succeeded
    http_response_code(200);
    ini_set('error_log', (string) $before[1]);
    ini_set('log_errors', (string) $before[0]);
    unlink($log);
    sort($aside);
    $key = fn (array $one) => [substr_count($one['file'], '/'), $one['file']];
    usort($broken, fn ($one, $other) => $key($one) <=> $key($other));
    return [
        'files' => count($files),
        'failed' => count($aside) + count($broken),
        'first' => $aside[0] ?? null,
        'broken' => $broken,
        'seconds' => round(microtime(true) - $began, 3),
    ];
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
$enabled = function_exists('opcache_get_status') && ((@opcache_get_status(false))['opcache_enabled'] ?? false);
if (!empty($query['compile']) && $releasePath !== null && $enabled) {
    set_time_limit(0);
    ini_set('memory_limit', '-1');
    $answer['compile'] = compile(
        $releasePath,
        $real,
        (array) $query['compile'],
        (array) ($query['exclude'] ?? []),
        (array) ($query['entry'] ?? [])
    );
}

// opcache_get_status formats a time for each file, and without TZ the C library looks at /etc/localtime each time: 0.6 s
// for 4,000 files, 0.004 s with TZ. PHP restores the variable at the end of the request.
putenv('TZ=UTC0');
$status = function_exists('opcache_get_status') ? @opcache_get_status(true) : false;
$opcache = ['enabled' => $enabled];
if ($status !== false) {
    $scripts = array_keys($status['scripts'] ?? []);
    // This file belongs to no release, and is counted in neither list.
    $own = $releasePath === null ? [] : array_filter($scripts, fn ($file) => strpos($file, $releasePath) === 0);
    $others = array_filter(
        $scripts,
        fn ($file) => ($releases === null ? strpos($file, '/releases/') !== false : strpos($file, $releases) === 0)
            && ($releasePath === null || strpos($file, $releasePath) !== 0)
    );
    $opcache += [
        'used' => $status['memory_usage']['used_memory'],
        'free' => $status['memory_usage']['free_memory'],
        'wasted' => $status['memory_usage']['wasted_memory'],
        'full' => $status['cache_full'],
        'num_cached_scripts' => $status['opcache_statistics']['num_cached_scripts'],
        'num_cached_keys' => $status['opcache_statistics']['num_cached_keys'],
        'max_cached_keys' => $status['opcache_statistics']['max_cached_keys'],
        'strings_size' => $status['interned_strings_usage']['buffer_size'] ?? 0,
        'strings_free' => $status['interned_strings_usage']['free_memory'] ?? 0,
        'oom_restarts' => $status['opcache_statistics']['oom_restarts'],
        'hash_restarts' => $status['opcache_statistics']['hash_restarts'],
        'validate_timestamps' => (bool) ini_get('opcache.validate_timestamps'),
        'own' => count($own),
        'own_bytes' => array_sum(array_map(fn ($file) => $status['scripts'][$file]['memory_consumption'], $own)),
        'others' => count($others),
        'ini' => array_map('intval', [
            'opcache.memory_consumption' => ini_get('opcache.memory_consumption'),
            'opcache.max_accelerated_files' => ini_get('opcache.max_accelerated_files'),
            'opcache.interned_strings_buffer' => ini_get('opcache.interned_strings_buffer'),
        ]),
    ];
    if (isset($query['script']) && $real !== false) {
        $opcache['script_cached'] = in_array($real . '/' . $query['script'], $scripts, true);
    }
}
echo json_encode($answer + ['opcache' => $opcache], JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
