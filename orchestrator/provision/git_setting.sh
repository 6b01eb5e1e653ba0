# shellcheck shell=sh
# Prints the value of a setting in a git configuration file. Prints nothing if the file does not have the setting, or if git
# is not installed.
config=$1 key=$2
command -v git >/dev/null || exit 0
git config --file "$config" --get "$key" || [ $? = 1 ]
