#!/bin/sh
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# A gateway to try, on 127.0.0.1:8080: demo.sh start | stop. Needs no account: the
# module's demo upstream answers on the next port, unless ANTHROPIC_API_KEY,
# OPENAI_API_KEY or GEMINI_API_KEY are set, when the real ones do. DEMO_PORT chooses another port.
# Everything lies in build/demo (or DEMO_DIR); a second start replaces the first.
set -eu

cd "$(dirname "$0")/.."
build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
dir=${DEMO_DIR:-$build/demo}
port=${DEMO_PORT:-8080}
upstream_port=$((port + 1))
module=$build/release/mod_claude_proxy.so

fail()
{
    echo "demo: $*" >&2
    exit 1
}

# The running demo's process id, if there is one and it is ours.
running()
{
    pid=$(cat "$dir/httpd.pid" 2>/dev/null) || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir/httpd.conf" && echo "$pid"
}

stop()
{
    pid=$(running) || return 0
    kill "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "process $pid does not end"
        sleep 0.1
    done
}

find_httpd()
{
    for f in "${HTTPD:-}" /usr/sbin/apache2 /usr/sbin/httpd; do
        [ -n "$f" ] && [ -x "$f" ] && echo "$f" && return 0
    done
    fail "no apache2 found"
}

load_modules()
{
    modules=$("${APXS:-apxs}" -q LIBEXECDIR)
    # unixd: built in on Debian, a module elsewhere.
    for m in mpm_event authn_core authz_core authz_host authz_user unixd log_config; do
        [ ! -e "$modules/mod_$m.so" ] || echo "LoadModule ${m}_module $modules/mod_$m.so"
    done
    echo "LoadModule claude_proxy_module $module"
}

channels()
{
    others=${OPENAI_API_KEY:-}${GEMINI_API_KEY:-}
    if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
        cat <<END
<ClaudeChannel anthropic>
    ChannelService claude
    ChannelURL     https://api.anthropic.com
    ChannelKey     env:ANTHROPIC_API_KEY
    ${others:+ChannelModels claude-*}
</ClaudeChannel>
END
    fi
    if [ -n "${GEMINI_API_KEY:-}" ]; then
        cat <<END
<ClaudeChannel gemini>
    ChannelService gemini
    ChannelURL     https://generativelanguage.googleapis.com
    ChannelKey     env:GEMINI_API_KEY
    ${OPENAI_API_KEY:+ChannelModels gemini-*}
</ClaudeChannel>
END
    fi
    if [ -n "${OPENAI_API_KEY:-}" ]; then
        cat <<END
<ClaudeChannel openai>
    ChannelService openai
    ChannelURL     https://api.openai.com
    ChannelKey     env:OPENAI_API_KEY
</ClaudeChannel>
END
    fi
    if [ -z "${ANTHROPIC_API_KEY:-}$others" ]; then
        cat <<END
Listen 127.0.0.1:$upstream_port
<VirtualHost 127.0.0.1:$upstream_port>
    ClaudeProxy Off
    CustomLog   "$dir/upstream_log" demo
    <Location />
        SetHandler claude-demo
        Require local
    </Location>
</VirtualHost>
<ClaudeChannel demo-claude>
    ChannelService     claude
    ChannelURL         http://127.0.0.1:$upstream_port
    ChannelAuth        none
    ChannelModels      claude-*
</ClaudeChannel>
<ClaudeChannel demo-responses>
    ChannelService     responses
    ChannelURL         http://127.0.0.1:$upstream_port
    ChannelAuth        none
    ChannelModels      *-codex
</ClaudeChannel>
<ClaudeChannel demo-gemini>
    ChannelService     gemini
    ChannelURL         http://127.0.0.1:$upstream_port
    ChannelAuth        none
    ChannelModels      gemini-*
</ClaudeChannel>
<ClaudeChannel demo-openai>
    ChannelService     openai
    ChannelURL         http://127.0.0.1:$upstream_port
    ChannelAuth        none
</ClaudeChannel>
END
    fi
}

configuration()
{
    load_modules
    if [ "$(id -u)" = 0 ]; then
        group=$(id -gn www-data 2>/dev/null || id -gn nobody)
        echo "User $(id -un www-data 2>/dev/null || echo nobody)"
        echo "Group $group"
    fi
    cat <<END
ServerRoot "$dir"
ServerName localhost
PidFile    "$dir/httpd.pid"
DefaultRuntimeDir "$dir"
ErrorLog   "$dir/error_log"
LogLevel   warn claude_proxy:info
LogFormat  "%h %t \"%r\" %>s channel=%{channel}^CL model=%{model}^CL in=%{tokens-in}^CL out=%{tokens-out}^CL" demo
CustomLog  "$dir/access_log" demo
Listen     127.0.0.1:$port

$(channels)

ClaudeProxy     On
ClaudeAccessKey demo "$key"
<Location "/">
    AuthType ClaudeKey
    AuthName "demo"
    Require  valid-user
</Location>
<Location "/claude-status">
    SetHandler claude-status
</Location>
END
}

# One short request; true when it is answered.
answers()
{
    [ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "http://127.0.0.1:$port/health")" = 200 ]
}

example()
{
    printf '%s\n' "$1" "curl -sS${2:+ $2} 'http://127.0.0.1:$port$3' \\" "  -H '$4' -H 'content-type: application/json' \\" \
        "  -d '$5'" ""
}

start()
{
    [ -e "$module" ] || fail "$module is not there; run make"
    httpd=$(find_httpd)
    stop
    mkdir -p "$dir"
    umask 077
    [ -s "$dir/key" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/key"
    key=$(cat "$dir/key")
    configuration >"$dir/httpd.conf"
    if ! "$httpd" -f "$dir/httpd.conf" >"$dir/start" 2>&1; then
        cat "$dir/start" >&2
        fail "it did not start; is port $port in use? DEMO_PORT=N make demo takes another"
    fi
    tries=0
    until answers; do
        tries=$((tries + 1))
        if [ $tries -ge 50 ]; then
            tail -5 "$dir/error_log" >&2
            fail "it does not answer"
        fi
        sleep 0.1
    done

    # A model for each protocol's examples, from a provider that is there.
    claude=claude-sonnet-4-5
    gpt=gpt-5.5
    codex=gpt-5.5-codex
    gemini=gemini-2.5-flash
    from="the demo upstream, which needs no account"
    real=""
    [ -z "${GEMINI_API_KEY:-}" ] || real=$gemini
    [ -z "${OPENAI_API_KEY:-}" ] || real=$gpt
    [ -z "${ANTHROPIC_API_KEY:-}" ] || real=$claude
    if [ -n "$real" ]; then
        from="${ANTHROPIC_API_KEY:+api.anthropic.com }${OPENAI_API_KEY:+api.openai.com }"
        from="$from${GEMINI_API_KEY:+generativelanguage.googleapis.com}"
        [ -n "${ANTHROPIC_API_KEY:-}" ] || claude=$real
        [ -n "${OPENAI_API_KEY:-}" ] || gpt=$real
        [ -n "${GEMINI_API_KEY:-}" ] || gemini=$real
        codex=$gpt
    fi
    bearer="Authorization: Bearer $key"
    m="\"model\":\"$claude\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"
    c="\"model\":\"$gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"
    echo
    echo "The gateway answers on http://127.0.0.1:$port from $from."
    echo "Access key: $key"
    echo
    example "# Messages" "" /v1/messages "x-api-key: $key" "{$m}"
    example "# Messages, streamed" "-N" /v1/messages "x-api-key: $key" "{\"stream\":true,$m}"
    example "# Chat Completions" "" /v1/chat/completions "$bearer" "{$c}"
    example "# Chat Completions, streamed" "-N" /v1/chat/completions "$bearer" "{\"stream\":true,$c}"
    r="\"model\":\"$codex\",\"input\":\"Hello there\""
    g='{"contents":[{"role":"user","parts":[{"text":"Hello there"}]}]}'
    example "# Responses" "" /v1/responses "$bearer" "{$r}"
    example "# Responses, streamed" "-N" /v1/responses "$bearer" "{\"stream\":true,$r}"
    example "# Gemini" "" "/v1beta/models/$gemini:generateContent" "x-goog-api-key: $key" "$g"
    example "# Gemini, streamed" "-N" "/v1beta/models/$gemini:streamGenerateContent?alt=sse" \
        "x-goog-api-key: $key" "$g"
    if [ "$claude" != "$gpt" ]; then
        x="\"model\":\"$gpt\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"
        example "# Messages from an upstream that speaks Chat Completions, converted" "" /v1/messages \
            "x-api-key: $key" "{$x}"
    fi
    if [ "$claude" != "$gemini" ]; then
        example "# Gemini from an upstream that speaks Messages, converted" "" \
            "/v1beta/models/$claude:generateContent" "x-goog-api-key: $key" "$g"
    fi
    printf '%s\n' "# What all processes know of channels and requests" \
        "curl -sS 'http://127.0.0.1:$port/claude-status' -H 'x-api-key: $key'" ""
    echo "# Claude Code"
    echo "ANTHROPIC_BASE_URL=http://127.0.0.1:$port ANTHROPIC_AUTH_TOKEN=$key claude"
    echo "# Gemini CLI (choose \"Use Gemini API Key\" when it asks)"
    echo "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:$port GEMINI_API_KEY=$key gemini"
    echo
    echo "Configuration and logs: $dir. Stop it: make demo-stop"
}

case ${1:-start} in
start) start ;;
stop) stop ;;
*) fail "start or stop" ;;
esac
