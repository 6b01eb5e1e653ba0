# shellcheck shell=sh
# php_error <status> <command>: prints the last error of PHP that explains an answer with status 5xx, such as "PHP Parse
# error: syntax error, ... in public/index.php on line 3". Prints nothing for any other status, or if PHP has logged no
# error. <command> is a shell command that prints the last line in the log of PHP-FPM. If <command> is empty, the color
# runs no PHP-FPM.
php_error() {
    case $1 in 5??) ;; *) return 0 ;; esac
    [ -n "$2" ] || return 0
    # leave the directory of the release out of the message, because it is long and the operator knows the release
    timeout -s KILL 5 sh -c "$2" 2>/dev/null | sed -n 's|^\(PHP [A-Z][a-z]* error:\)  *|\1 |; s|/[^ ]*/releases/[^/ ]*/||g; /^PHP /p' | head -n 1
}
