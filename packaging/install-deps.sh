#!/bin/sh
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Installs what building and testing need, by package name; does nothing when
# all of it is there.
#
#   packaging/install-deps.sh [build] [test] [clients] [bench]     (default: build)
#
#   build    compiler, Apache and library headers
#   test     Apache::Test, clang's tools, HTTP/2 clients, redis, memcached, prometheus, Node.js
#   clients  the official SDKs, into t/clients/node_modules
#   bench    the benchmark's load generator
set -eu

cd "$(dirname "$0")/.."

BUILD="apache2 apache2-dev libcurl4-openssl-dev libcjson-dev libssl-dev zlib1g-dev libzstd-dev \
pkg-config gcc make curl"
# libapache2-mod-perl2 is the package that brings Apache::Test.
TEST="git libapache2-mod-perl2 libwww-perl clang clang-tidy clang-format libclang-rt-14-dev cppcheck \
nghttp2-client zstd openssl redis-server memcached prometheus"
BENCH="nghttp2-client"

fail()
{
    echo "install-deps: $*" >&2
    exit 1
}

# Names in "$@" that dpkg does not know as installed.
missing()
{
    dpkg-query -W -f '${db:Status-Abbrev}${binary:Package}\n' "$@" 2>/dev/null |
        sed -n 's/^ii *\([^:]*\).*/\1/p' |
        awk -v want="$*" '{ have[$1] = 1 }
            END { n = split(want, w, " "); for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i] }'
}

# A Node.js of 18 or later, wherever it comes from, with npm.
have_node()
{
    command -v npm >/dev/null 2>&1 || return 1
    v=$(node --version 2>/dev/null) || return 1
    v=${v#v}
    [ "${v%%.*}" -ge 18 ]
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        fail "not root and no sudo without a password; ask root to run: apt-get install" $need
    fi
}

install_packages()
{
    command -v dpkg-query >/dev/null 2>&1 ||
        fail "no dpkg here; install what these Debian packages hold and build by hand:" "$@"
    need=$(missing "$@" | tr '\n' ' ')
    [ -n "$need" ] || return 0
    echo "install-deps: installing $need"
    apt="env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
    if ! as_root $apt install --no-install-recommends $need; then
        as_root $apt update || fail "apt-get update failed"
        as_root $apt install --no-install-recommends $need ||
            fail "apt-get could not install: $need"
    fi
}

install_clients()
{
    dir=t/clients
    stamp=$dir/node_modules/.installed
    if command -v node >/dev/null 2>&1 && cmp -s $stamp $dir/package-lock.json; then
        return 0
    fi
    have_node || install_packages nodejs npm ca-certificates
    echo "install-deps: installing the SDKs of $dir/package.json"
    (cd $dir && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error) ||
        fail "npm could not install the SDKs"
    cp $dir/package-lock.json $stamp
}

[ $# -gt 0 ] || set -- build
packages=
clients=
for group in "$@"; do
    case $group in
    build) packages="$packages $BUILD" ;;
    test) packages="$packages $TEST" ;;
    bench) packages="$packages $BENCH" ;;
    clients) clients=yes ;;
    *) fail "no such group: $group (build, test, clients, bench)" ;;
    esac
done
[ -z "$packages" ] || install_packages $packages
[ -z "$clients" ] || install_clients
