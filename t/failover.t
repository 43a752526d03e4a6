#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Which failures try the next key, URL or channel, and which never do.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');
my $n = 0;

# Where the attempts of the last requests went: "channel/key".
sub way {
    return map {
        my ($at) = $_->{path} =~ m{/at/([\w-]+)};
        my $key = header_of($_, 'x-api-key') // header_of($_, 'authorization') // '';
        ($at // '?') . '/' . ($key =~ s/^Bearer //r)
    } upstream_log();
}

sub ask {
    my ($prefix, $dialect, $script, $stream, %more) = @_;
    upstream_reset();
    my $body = messages_body("script:$script#" . ++$n, 'go', $stream ? (stream => JSON::PP::true()) : ());
    return post('failover', "$prefix$path{$dialect}", $body, %more);
}

# Failure of the first attempt, and where the second one must go.
my @next = (
    [ '401',             'first/first-key-2' ],
    [ '402',             'first/first-key-2' ],
    [ '403',             'first/first-key-2' ],
    [ '429',             'first/first-key-2' ],
    [ '500',             'second/second-key' ],
    [ '502-html',        'second/second-key' ],
    [ '503',             'second/second-key' ],
    [ '529',             'second/second-key' ],
    [ 'empty-200',       'second/second-key' ],
    [ 'half-json',       'second/second-key' ],
    [ 'html-200',        'second/second-key' ],
    [ 'error-in-200',    undef ],
    [ 'sse-error-first', undef ],
    [ 'sse-empty',       undef ],
    [ 'sse-start-only',  undef ],
    [ 'no-answer',       undef ],
    [ 'reset',           undef ],
    [ 'cut-head',        undef ],
    [ 'bad-gzip',        undef ],
    [ 'slow',            undef ],
);
for my $case (@next) {
    my ($script, $second) = @$case;
    for my $stream (0, 1) {
        for my $dialect (qw(messages chat)) {
            next if $script eq 'slow' && $dialect eq 'chat';
            my $name = "$dialect " . ($stream ? 'stream' : 'document') . ", $script";
            my $r = ask('', $dialect, "failures/$script", $stream);
            is $r->{status}, 200, "$name: answered" or diag $r->{body};
            ok $r->{complete}, "$name: whole";
            my $text = $stream ? stream_text($r)
                : $dialect eq 'messages' ? $r->{json}{content}[0]{text} : $r->{json}{choices}[0]{message}{content};
            is $text, 'You said: go', "$name: the second answer and nothing of the first";
            my @way = way();
            is scalar @way, 2, "$name: two attempts" or diag "@way";
            is $way[0], 'first/first-key-1', "$name: the first key first";
            is $way[1], $second, "$name: then $second" if $second;
            # A kept connection that dies without a byte is one that was old: the same again is right.
            next if $script =~ /^(?:no-answer|reset)$/;
            isnt $way[1], $way[0], "$name: not the same again";
            is $r->{headers}{'x-claude-proxy-attempts'}, 2, "$name: attempts in the debug header" if !$stream;
        }
    }
}

# The client's fault: one attempt, the upstream's words.
for my $script (qw(400 413 422 policy context)) {
    for my $prefix ('', '/crossed') {
        for my $dialect (qw(messages chat)) {
            my $r = ask($prefix, $dialect, "refusals/$script", 0);
            my $name = "$dialect client$prefix, $script";
            my @way = way();
            is scalar @way, 1, "$name: one attempt" or diag "@way";
            cmp_ok $r->{status}, '<', 500, "$name: the client is told";
            cmp_ok $r->{status}, '>=', 400, "$name: as an error";
        }
    }
}

# On passthrough such an answer arrives as it was sent.
{
    my $r = ask('', 'messages', 'refusals/400', 0);
    my ($seen) = upstream_log();
    require Digest::SHA;
    is Digest::SHA::sha256_hex($r->{body}), $seen->{sent_sha256}, 'passthrough: the error untouched';
}

# When everything fails the most useful error is told.
for my $case ([ '401', 401, 401 ], [ '429', 429, 429 ], [ '500', 500, 500 ], [ '529', 529, 503 ]) {
    my ($script, $messages, $chat) = @$case;
    for my $dialect (qw(messages chat)) {
        my $r = ask('', $dialect, "always/$script", 0);
        my $want = $dialect eq 'messages' ? $messages : $chat;
        # The third channel speaks Chat: its script renders the same failure.
        is $r->{status}, $want, "$dialect, all $script: $want" or diag $r->{body};
        is $r->{headers}{'retry-after'}, 7, "$dialect, all 429: Retry-After" if $script eq '429';
        my @way = way();
        my %once;
        ok !(grep { $once{$_}++ } @way), "$dialect, all $script: no pair twice" or diag "@way";
        ok !(grep { /asleep/ } @way), "$dialect, all $script: the suspended channel is left alone";
    }
}
{
    my $r = ask('/once', 'messages', 'failures/500', 0);
    is $r->{status}, 500, 'ClaudeMaxAttempts 1: no second attempt';
    is scalar(way()), 1, 'ClaudeMaxAttempts 1: one request upstream';
}

# From a Claude channel to a Chat channel, in one request.
for my $dialect (qw(messages chat)) {
    for my $stream (0, 1) {
        my $r = ask('/crossed', $dialect, 'failures/500', $stream);
        my $name = "$dialect " . ($stream ? 'stream' : 'document') . ', over to the other protocol';
        is $r->{status}, 200, "$name: answered" or diag $r->{body};
        my @way = way();
        is $way[-1], 'third/third-key', "$name: by the third channel" or diag "@way";
        is $stream ? stream_text($r) : $dialect eq 'messages' ? $r->{json}{content}[0]{text}
            : $r->{json}{choices}[0]{message}{content}, 'You said: go', "$name: the text";
    }
}

# Rules of a channel: what it retries, and what it does not.
for my $case (
    [ 'refusals/413', 413, 'ruled/ruled-key-1', 'second/second-key' ],
    [ 'refusals/400', 400, 'ruled/ruled-key-1', 'second/second-key' ],
    [ 'refusals/422', 422, 'ruled/ruled-key-1' ],
    [ 'failures/429', 429, 'ruled/ruled-key-1' ],
    [ 'failures/529', 529, 'ruled/ruled-key-1' ],
    [ 'failures/401', 200, 'ruled/ruled-key-1', 'ruled/ruled-key-2' ],
    )
{
    my ($script, $status, @want) = @$case;
    my $r = ask('/ruled', 'messages', $script, 0);
    is $r->{status}, $status, "$script by the channel's rules: $status" or diag $r->{body};
    is_deeply [ way() ], \@want, "$script by the channel's rules: " . join ', ', @want;
}

# Once content has gone out nothing is tried again.
for my $dialect (qw(messages chat)) {
    my $r = ask('', $dialect, 'streams/cut', 1);
    my @way = way();
    is scalar @way, 1, "$dialect: a cut after content is not tried again" or diag "@way";
}

# The next request goes to the first channel again.
{
    ask('', 'messages', 'failures/500', 0);
    ask('', 'messages', 'streams/bytewise', 0);
    is((way())[0], 'first/first-key-1', 'a failure of the past does not move the order yet');
}
done_testing;
