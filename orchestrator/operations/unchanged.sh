# shellcheck shell=sh
# Build steps and the environment compare what both releases have. This looks for what only the live release has. A
# release that an early version of this tool made has no list of shared paths.
set -eu
root=$1 id=$2 from=$3
cd "$root/releases"
refuse() { echo "$*: use deploys/release.py" >&2; exit 1; }
if [ -e "$from/.release/environment" ] && [ ! -e "$id/.release/environment" ]; then
    refuse "$from has an environment file, which this release does not have"
fi
for note in "$from"/.release/build/*; do
    [ -e "$note" ] || continue
    step=${note##*/}
    [ -e "$id/.release/build/$step" ] || refuse "$from has outputs of the build step $step, which this release does not have"
done
if [ -e "$from/.release/shared" ] && ! cmp -s "$from/.release/shared" "$id/.release/shared"; then
    refuse "the shared paths differ from those of $from"
fi
