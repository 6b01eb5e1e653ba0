# shellcheck shell=sh
# Runs a build step in a release, or reuses the outputs of this step from the live release.
#
# The file `.release/build/<step>` holds the digest of the step and its inputs. The script writes this file last, and only
# if another release may reuse the outputs. Such outputs are made read-only, because later one file may be in two releases.
# If $web is the path of as-web, the web user runs the step; such a step has no outputs.
. ../scripts/absent.sh
. ../scripts/digest.sh
. ../scripts/git_settings.sh
. ../scripts/inside.sh
. ../scripts/apart.sh
. ../scripts/theirs.sh
. ../scripts/as_web.sh

root=$1 id=$2 color=$3 from=$4 name=$5 run=$6 when=$7 inputs=$8 listed=$9
shift 9
outputs=$1 only=$2 web=$3
release=$root/releases/$id live=$root/releases/$from
cd "$release"
export RELEASE="$id" COLOR="$color" RELEASE_PATH="$release"
top=$(pwd -P)
for path in $outputs; do inside "$top" "outputs of $name" "$path" "give it another path"; done
if [ -n "$when" ] && ! theirs "$when" >/dev/null 2>&1 </dev/null; then
    echo "skipped: \`$when\` did not end with status 0"
    exit 0
fi
made_from() { # made_from <digest> <release>: whether the release has all outputs, made from the inputs with this digest
    noted=''
    [ ! -f "$2/.release/build/$name" ] || read -r noted <"$2/.release/build/$name" || true
    [ "$noted" = "$1" ] || return 1
    for path in $outputs; do [ -e "$2/$path" ] || return 1; done
}
note() { # writes the digest: from now on another release may reuse the outputs
    printf '%s\n' "$digest" >".release/build/$name.new"
    mv -T ".release/build/$name.new" ".release/build/$name"
}
digest='' unmatched=''
[ -z "$outputs" ] || unmatched=$(unmatched "$inputs")
if [ -n "$unmatched" ] && [ -n "$only" ]; then
    echo "the build step $name must run, because no file matches the input $unmatched: use deploys/release.py" >&2
    exit 1
fi
if [ -n "$outputs" ] && [ -z "$unmatched" ]; then
    digest=$(digest "$run" "$inputs" "$listed" "$outputs")
    if [ -n "$only" ] && ! made_from "$digest" "$live"; then
        echo "the build step $name must run, because ${from:-the live color} has no outputs from the same inputs:" \
            "use deploys/release.py" >&2
        exit 1
    fi
    if made_from "$digest" .; then
        echo "is done"
        exit 0
    fi
fi
[ -d .release/build ] || mkdir -p .release/build
if [ -n "$from" ] && [ "$from" != "$id" ] && [ -n "$digest" ] && made_from "$digest" "$live"; then
    # if the file system can make copies that share blocks (reflinks), make such copies, otherwise hard links
    way=-l
    ! cp --reflink=always "$live/.release/build/$name" ".release/build/$name.new" 2>/dev/null || way=--reflink=always
    for path in $outputs; do
        case $path in */*) [ -d "${path%/*}" ] || mkdir -p "${path%/*}" ;; esac
        absent "$path.part" "$path"
        cp -a "$way" "$live/$path" "$path.part"
        # a file may have become writable after it was built: copy it, so that the releases do not share it
        [ "$way" != -l ] || apart "$path.part" -perm /222
        mv -T "$path.part" "$path"
    done
    note
    echo "taken over from $from"
    exit 0
fi
absent ".release/build/$name"
# if a step fetches from other git repositories, git uses the same ssh program as for the application's repository
if ssh=$(git config --local core.sshCommand 2>/dev/null); then
    git_settings core.sshCommand "$ssh"
fi
if [ -n "$web" ]; then as_web "$web" "$id" "$color" "$run"; else theirs "$run" </dev/null; fi >&2 || {
    code=$?
    echo "$name: \`$run\` ended with status $code" >&2
    exit 1
}
[ -n "$outputs" ] || exit 0
for path in $outputs; do
    [ -e "$path" ] || { echo "$name did not make its output $path" >&2; exit 1; }
done
if [ -n "$unmatched" ]; then
    echo "warning: no file matches the input $unmatched, so the build step $name runs for each release"
    exit 0
fi
own=$(own "$id" "$root/$color" "$outputs")
if [ -n "$own" ]; then
    echo "no later release can reuse the outputs: $own contains the id or a path of this release"
    exit 0
fi
# shellcheck disable=SC2086 # the outputs are a list
find $outputs -type f -exec chmod a-w {} +
note
