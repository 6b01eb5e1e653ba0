<?php

namespace App;

/** The built assets, as public/build/manifest.json names them. */
final class Assets
{
    /** The URL of an asset, such as app.css. */
    public static function url(string $name): string
    {
        static $manifest = null;
        $manifest ??= json_decode((string) file_get_contents(public_path('build/manifest.json')), true, flags: JSON_THROW_ON_ERROR);

        return '/build/' . $manifest[$name];
    }
}
