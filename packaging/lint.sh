#!/bin/sh
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Static checks, told as TAP: clang-format, cppcheck, clang-tidy (one line a
# file). Files whose clang-tidy run was clean are not looked at again until
# they, a header or the rules change.
set -u

cd "$(dirname "$0")/.."
build=${BUILD:-build}
jobs=$(nproc 2>/dev/null || echo 2)
stamps=$build/lint
mkdir -p "$stamps"

flags="-std=gnu11 -Iinclude -Isrc $(apr-1-config --includes --cppflags) $(apu-1-config --includes) \
-I$(apxs -q INCLUDEDIR)"
sources=$(find src mod_claude_proxy.c -name '*.c' 2>/dev/null | sort)
headers=$(find include src -name '*.h' | sort)
tests=$(find t -name '*.[ch]' -not -path '*/node_modules/*' | sort)
n=0
failed=0

result()
{
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$3" | head -30
        failed=1
    fi
}

out=$stamps/out
clang-format --dry-run --Werror $sources $headers $tests >"$out" 2>&1
result $? "clang-format" "$out"

cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
    --inline-suppr --suppress=missingIncludeSystem --suppress=invalidFunctionArg --suppress=preprocessorErrorDirective \
    --library=posix -j "$jobs" -Iinclude -Isrc $sources >"$out" 2>&1
result $? "cppcheck" "$out"

# One fingerprint for all that every file depends on.
common=$(cat .clang-tidy $headers packaging/lint.sh | sha256sum | cut -c1-16)
export flags stamps common
echo $sources | tr ' ' '\n' | xargs -P "$jobs" -I{} sh -c '
    id=$(echo "{}" | tr / _)
    sum=$common-$(sha256sum <{} | cut -c1-16)
    [ "$(cat "$stamps/$id.clean" 2>/dev/null)" = "$sum" ] && exit 0
    rm -f "$stamps/$id.clean"
    if clang-tidy --quiet {} -- $flags >"$stamps/$id.out" 2>/dev/null; then
        echo "$sum" >"$stamps/$id.clean"
    fi
    exit 0'
for f in $sources; do
    id=$(echo "$f" | tr / _)
    [ -f "$stamps/$id.clean" ]
    result $? "clang-tidy $f" "$stamps/$id.out"
done
echo "1..$n"
exit $failed
