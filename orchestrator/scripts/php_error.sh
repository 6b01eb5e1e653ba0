# shellcheck shell=sh
# php_error <status> <command>: prints the last error of PHP that explains an answer with status 5xx, such as "PHP Parse error:
# syntax error, ... in public/index.php on line 3". Prints nothing for any other status, or if PHP has logged no error. The
# shell command prints the last line in the log of PHP-FPM; if the command is empty, there is no PHP.
php_error() {
    case $1 in 5??) ;; *) return 0 ;; esac
    [ -n "$2" ] || return 0
    # the path of a release is long, and the operator knows the release
    timeout -s KILL 5 sh -c "$2" 2>/dev/null | sed -n 's|^\(PHP [A-Z][a-z]* error:\)  *|\1 |; s|/[^ ]*/releases/[^/ ]*/||g; /^PHP /p' | head -n 1
}
