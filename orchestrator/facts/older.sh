# shellcheck shell=sh
# Prints the line `looked`, which proves that the script ran, then a line for each process of another release than $2:
# process id, user, release and command line. A process belongs to a release if the process works in the directory of the
# release, has a file of the release open, or if its command line has a path of the release. If the command line has the path
# of the link `live`, the process belongs to another release if it began before the link was last changed.
root=$1 live=$2 used=$3
said=$(sudo -n "$used") || { echo "the program $used fails: run deploys/provision.py" >&2; exit 1; }
now=$(date +%s)
changed=$(stat -c %Y "$root/live" 2>/dev/null || echo "$now")
ps -ww -eo pid=,etimes=,user:32=,args= | awk -v root="$root" -v live="$live" -v age="$((now - changed))" -v said="$said" '
    BEGIN {
        lines = split(said, line, "\n")
        print "looked"
        for (number = 1; number <= lines; number++) {
            words = split(line[number], word, " ")
            if (words == 0 || word[1] == live) continue
            if (words == 2) other[word[2]] = word[1]
            # an earlier version of the program prints only the release
            else print "0\t?\t" word[1] "\tunknown, because this server must first be provisioned: run deploys/provision.py"
        }
    }
    {
        pid = $1; seconds = $2; user = $3
        command = $0; sub(/^ *[0-9]+ +[0-9]+ +[^ ]+ +/, "", command)
        release = (pid in other) ? other[pid] : ""
        rest = command
        while (release == "" && (at = index(rest, root "/releases/"))) {
            rest = substr(rest, at + length(root "/releases/"))
            match(rest, /^[A-Za-z0-9._-]*/)
            name = substr(rest, 1, RLENGTH)
            if (name ~ /^[0-9]/ && name != live) release = name
        }
        if (release == "" && index(command, root "/live/") && seconds > age + 1) release = "an older release"
        if (release != "") print pid "\t" user "\t" release "\t" substr(command, 1, 200)
    }'
