#!/bin/sh
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Puts the annotated configuration where Apache's other modules have theirs.
# Never overwrites one that is there. install-conf.sh APXS
set -eu

cd "$(dirname "$0")/.."
apxs=${1:-apxs}
etc=$("$apxs" -q SYSCONFDIR)
line="LoadModule claude_proxy_module $("$apxs" -q LIBEXECDIR)/mod_claude_proxy.so"

place()
{
    if [ ! -e "$2" ]; then
        install -m 644 "$1" "$2"
        echo "installed $2"
    elif ! cmp -s "$1" "$2"; then
        install -m 644 "$1" "$2.new"
        echo "kept $2; the new one is $2.new"
    fi
}

if [ -d "$etc/mods-available" ]; then
    echo "$line" >"$etc/mods-available/claude_proxy.load"
    place conf/claude_proxy.conf "$etc/mods-available/claude_proxy.conf"
    echo "Edit $etc/mods-available/claude_proxy.conf, then: a2enmod claude_proxy && apachectl configtest"
else
    mkdir -p "$etc/extra"
    place conf/claude_proxy.conf "$etc/extra/claude_proxy.conf"
    echo "Add to httpd.conf: $line"
    echo "and: Include $etc/extra/claude_proxy.conf"
fi
