"""Make the files that configure a color (nginx, PHP-FPM, services) for a release.

Each release has its own files, in the directory ``.release/stack`` of the release. All functions are pure.
"""
