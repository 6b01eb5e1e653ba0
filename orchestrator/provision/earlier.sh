# shellcheck shell=sh
# Prints the directories with the scripts of other applications that have no script `ssh`. An earlier version of this
# tool, in which applications had no such script, has provisioned these applications. $1 is the directory of this
# application; the directories of the other applications have the same parent directory.
library=$1
for other in "${library%/*}"/*; do
    [ "$other" = "$library" ] || [ ! -e "$other/own" ] || [ -e "$other/ssh" ] || echo "$other"
done
