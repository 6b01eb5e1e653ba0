# shellcheck shell=sh
# note <root> <name> <text>: replaces the file `guard/<name>` of an application in one atomic step.
note() {
    echo "$3" >"$1/guard/$2.new" && mv -T "$1/guard/$2.new" "$1/guard/$2"
}
