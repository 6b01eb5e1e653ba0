# shellcheck shell=sh
# Looks for an environment file and build outputs that only the live release has, and compares the shared paths. The
# stages `environment` and `build` have already compared the files that both releases have. If an early version of this
# tool made the live release, this release has no list of shared paths, and the shared paths are not compared.
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
    refuse "the shared paths differ from the shared paths of $from"
fi
