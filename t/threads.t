#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Message threads live where they were opened: on one channel, with one key.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my @beta = ('anthropic-version' => '2026-10-21', 'anthropic-beta' => 'message-threads-2026-08-12');

sub say_in_thread {
    my ($prefix, $model, $thread, @r) = @_;
    return post('failover', "$prefix/v1/messages", messages_body($model, 'x', thread => $thread), headers => \@beta, @r);
}

sub way {
    return map { ($_->{path} =~ m{/at/([\w-]+)})[0] . '/' . header_of($_, 'x-api-key') } upstream_log();
}

# Opened where the first choice failed: by its second key, or by the second channel.
for my $case ([ '429', 'first/first-key-2' ], [ '500', 'second/second-key' ]) {
    my ($failure, $home) = @$case;
    upstream_reset();
    my $r = say_in_thread('/two', "script:failures/$failure#thread$$", { type => 'create' });
    is $r->{status}, 200, "$failure: opened" or diag $r->{body};
    is((way())[-1], $home, "$failure: at $home");
    my ($seen) = reverse upstream_log();
    is_deeply decode(body_of($seen))->{thread}, { type => 'create' }, "$failure: the thread goes up as it came";
    my $id = $r->{json}{id};
    is $id, decode_id($seen), "$failure: the upstream's id is the client's";

    # Whichever child takes it.
    for my $n (1 .. 8) {
        upstream_reset();
        $r = say_in_thread('/two', 'm', { type => 'continue', previous_message_id => $id });
        is $r->{status}, 200, "$failure: continued, $n" or diag $r->{body};
        is_deeply [ way() ], [$home], "$failure: continued at home, $n";
    }
}

# A stream's id pins as well.
{
    upstream_reset();
    my $r = say_in_thread('/two', "script:failures/500#stream$$", { type => 'create' });
    my $body = messages_body("script:failures/529#threads$$", 'x', thread => { type => 'create' }, stream => JSON::PP::true());
    $r = post('failover', '/two/v1/messages', $body, headers => \@beta);
    my ($start) = map { $_->{json} } grep { ($_->{event} // '') eq 'message_start' } @{ $r->{events} };
    ok $start->{message}{id}, 'a streamed thread has an id';
    upstream_reset();
    $r = say_in_thread('/two', 'm', { type => 'continue', previous_message_id => $start->{message}{id} });
    is_deeply [ way() ], ['second/second-key'], 'and is continued where it was opened';
}

# Where no upstream knows threads they are refused in the way the SDK understands.
for my $stream (0, 1) {
    upstream_reset();
    my $r = post('chat', '/v1/messages', messages_body('m', 'x', thread => { type => 'create' },
        $stream ? (stream => JSON::PP::true()) : ()), headers => \@beta);
    is $r->{status}, 400, 'Chat upstream: refused';
    is $r->{json}{error}{type}, 'invalid_request_error', 'Chat upstream: type';
    is $r->{json}{error}{details}{error_code}, 'thread_unsupported_request', 'Chat upstream: code' or diag $r->{body};
    is_deeply $r->{json}{error}{details}{unsupported}, ['thread'], 'Chat upstream: what';
    is scalar(upstream_log()), 0, 'Chat upstream: not asked';
}

sub decode_id {
    my ($seen) = @_;
    return sprintf 'msg_up%06d', $seen->{n};
}
done_testing;
