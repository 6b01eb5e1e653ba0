#!/bin/sh
# Makes the virtual environment: sh docker/venv.sh .venv
# If Python's module venv is missing, root installs it with apt, unless NO_INSTALL is set.
set -eu
venv=$1

die() {
    echo "venv: $*" >&2
    exit 1
}

python=
for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || die "Python 3.11 or later is needed (with PYTHON=..., you can name a Python that is not in the PATH)"

if [ ! -x "$venv/bin/pip" ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        [ -z "${NO_INSTALL:-}" ] || die "Python's venv module is missing and NO_INSTALL is set: install $package"
        { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || die "Python's venv module is missing: install $package"
        echo "venv: Python's venv module is missing: installing $package from apt" >&2
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >&2 ||
            die "$package could not be installed"
    fi
    "$python" -m venv "$venv"
fi
"$venv/bin/pip" install -q --disable-pip-version-check -r requirements.lock
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps -e .
touch "$venv/.installed"
