#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What happens while a stream runs: when bytes arrive, what a cut looks like,
# and how much is held for a client that does not read.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');
my @ways = map { my $v = $_; map { [ $v, $_ ] } qw(messages chat) } qw(main chat);

sub ask {
    my ($vhost, $dialect, $script, %r) = @_;
    my $prefix = delete $r{prefix} // '';
    return post($vhost, "$prefix$path{$dialect}",
        messages_body("script:$script", 'one two three', stream => JSON::PP::true()), %r);
}

for my $way (@ways) {
    my ($vhost, $dialect) = @$way;
    my $name = "$dialect client, $vhost upstream";
    my $passthrough = ($vhost eq 'main') == ($dialect eq 'messages');

    my %at_once = (
        (map { $_ => [ "streams/$_", prefix => '/patient' ] } qw(late silent silent-inside late-error)),
        (map { $_ => ["streams/$_"] } qw(cut cut-clean error-later)),
    );
    my @scripts = sort keys %at_once;
    my %answer;
    @answer{@scripts} = at_once(map { my $what = $at_once{$_}; sub { ask($vhost, $dialect, @$what) } } @scripts);

    my $r = ask($vhost, $dialect, 'streams/drip');
    my @at = map { $_->{at} } @{ $r->{events} };
    ok @at > 4, "$name: events";
    my %times = map { sprintf('%.2f', $_) => 1 } @at;
    cmp_ok scalar keys %times, '>=', 4, "$name: they arrive one by one, not at the end";
    cmp_ok $r->{last} - $r->{first}, '>', 0.06, "$name: as they are sent";
    like $r->{headers}{'content-type'}, qr{^text/event-stream}, "$name: content type";
    like $r->{headers}{'cache-control'}, qr/no-cache/, "$name: not cached" if !$passthrough;

    # Silence: keep-alives of the client's protocol, then the answer.
    $r = $answer{late};
    is $r->{status}, 200, "$name, late: 200";
    my @alive = $dialect eq 'messages' ? grep { ($_->{event} // '') eq 'ping' } @{ $r->{events} }
        : grep { defined $_->{comment} } @{ $r->{events} };
    cmp_ok scalar @alive, '>=', 2, "$name, late: kept alive while waiting";
    cmp_ok $r->{first} // 9, '<', 0.9, "$name, late: the first sign comes early";
    is stream_text($r), 'You said: one two three', "$name, late: then the answer";

    $r = $answer{silent};
    is stream_text($r), 'first second', "$name, silence inside: all text";
    @alive = $dialect eq 'messages' ? grep { ($_->{event} // '') eq 'ping' } @{ $r->{events} }
        : grep { defined $_->{comment} } @{ $r->{events} };
    cmp_ok scalar @alive, '>=', 2, "$name, silence inside: kept alive";

    # Silence in the middle of an event: nothing may be put inside it.
    $r = $answer{'silent-inside'};
    is stream_text($r), 'split', "$name, silence inside an event: the text";
    ok !(grep { defined $_->{data} && $_->{data} ne '[DONE]' && !$_->{json} } @{ $r->{events} }),
        "$name, silence inside an event: every event is whole" or diag $r->{body};

    # Failure after a keep-alive: the status is gone, so it is told in the stream.
    $r = $answer{'late-error'};
    is $r->{status}, 200, "$name, late error: the status line was sent";
    ok told_error($r, $dialect), "$name, late error: told in the stream" or diag $r->{body};

    # Truncation is never a clean end.
    for my $script (qw(cut cut-clean error-later)) {
        $r = $answer{$script};
        is $r->{status}, 200, "$name, $script: had begun";
        ok !ended_well($r, $dialect), "$name, $script: no terminal event";
        ok told_error($r, $dialect) || ($passthrough && !$r->{complete}), "$name, $script: told"
            or diag $r->{body};
    }
    my $doc = post($vhost, $path{$dialect}, messages_body('script:streams/cut-document', 'x'));
    ok $doc->{status} >= 500 || !$doc->{complete}, "$name: a cut document is no success" or diag $doc->{body};

    # The upstream sends the other kind than was asked for.
    $r = ask($vhost, $dialect, 'streams/document-for-stream');
    if (!$passthrough) {
        is stream_text($r), 'You said: one two three', "$name: a document is streamed";
        ok ended_well($r, $dialect), "$name: and ends";
    }
    $r = post($vhost, $path{$dialect}, messages_body('script:streams/stream-for-document', 'one two three'));
    if (!$passthrough) {
        my $text = $dialect eq 'messages' ? $r->{json}{content}[0]{text} : $r->{json}{choices}[0]{message}{content};
        is $text, 'You said: one two three', "$name: a stream is folded into a document";
    }
    is $r->{status}, 200, "$name: stream for a document: 200";
}

sub told_error {
    my ($r, $dialect) = @_;
    return scalar grep {
        my $e = $_->{json};
        ref $e eq 'HASH' && ($dialect eq 'messages' ? ($e->{type} // '') eq 'error' : ref $e->{error} eq 'HASH')
    } @{ $r->{events} };
}

sub ended_well {
    my ($r, $dialect) = @_;
    return scalar grep {
        my $e = $_->{json};
        ($_->{data} // '') eq '[DONE]' || ref $e eq 'HASH' && (($e->{type} // '') eq 'message_stop'
            || $e->{choices} && @{ $e->{choices} } && $e->{choices}[0]{finish_reason})
    } @{ $r->{events} };
}

# Compression in front of a stream does not hold events back.
{
    my $r = post('main', '/deflated/v1/messages',
        messages_body('script:streams/drip', 'x', stream => JSON::PP::true()),
        headers => [ 'Accept-Encoding' => 'gzip' ]);
    is $r->{headers}{'content-encoding'}, undef, 'streams are not compressed';
    ok @{ $r->{events} || [] } > 3, 'and arrive';
}

# A client that does not read: the upstream is slowed down, not buffered.
{
    upstream_reset();
    my @children = children();    # one that is started meanwhile has memory of its own
    my $before = memory(@children);
    my @clients = map {
        my ($vhost, $dialect) = @$_;
        my $client = ClaudeTest::Client->open_to(hostport($vhost));
        $client->send_request(method => 'POST', path => $path{$dialect},
            headers => [ 'Content-Type' => 'application/json' ],
            body => encode(messages_body('script:streams/wide', 'x', stream => JSON::PP::true())));
        $client;
    } @ways;
    sleep 2;
    # The address sanitizer keeps what was freed, up to 256 MB a process.
    cmp_ok memory(@children) - $before, '<', 12_000 * @ways, 'slow readers: memory stays low (KB)' if ($ENV{CLP_VARIANT} // '') ne 'asan';
    is upstream_stats()->{open}, scalar @ways, 'slow readers: the upstreams wait';
    # Then they read a part and leave.
    for my $i (0 .. $#ways) {
        my $r = $clients[$i]->receive(raw => 1, until => sub { length $_[0] > 3_000_000 });
        ok length $r->{body} > 3_000_000, "slow reader, $ways[$i][1] client, $ways[$i][0] upstream: it goes on when the client reads";
        $clients[$i]->shut;
        ok wait_for(2, sub { upstream_stats()->{aborted} == $i + 1 }), '... and ends when it leaves';
    }
}
done_testing;
