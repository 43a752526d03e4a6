#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Which channel is asked, by what all children know: through the real server.
# Every rule for itself is tested in t/unit with a clock of its own.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $true = JSON::PP::true();
my @protocol = (messages => '/v1/messages', chat => '/v1/chat/completions');
my %path = @protocol;

# Channels that were asked, in order; with `keys` as "channel/key".
sub way {
    my (%like) = @_;
    my $keys = delete $like{keys};
    return map {
        my ($at) = $_->{path} =~ m{/at/([\w-]+)};
        $keys ? ($at // '?') . '/' . (header_of($_, 'x-api-key') // '') : $at // '?'
    } upstream_log(%like);
}

# A request on a connection of its own, so for any child.
sub ask {
    my ($where, %more) = @_;
    my $protocol = delete $more{protocol} // 'messages';
    my $headers = delete $more{headers} // [];
    return post('scheduler', "/$where$path{$protocol}", messages_body('any-model', 'go', %more), headers => $headers);
}

# A stream that is left running.
sub begin_stream {
    my ($where) = @_;
    my $client = ClaudeTest::Client->open_to(hostport('scheduler'));
    $client->send_request(method => 'POST', path => "/$where/v1/messages", headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body('any-model', 'go', stream => $true)));
    return $client;
}

sub status { return request(vhost => 'scheduler', path => '/status')->{json} }

sub channel {
    my ($name) = @_;
    my ($c) = grep { $_->{name} eq $name } @{ status()->{channels} };
    return $c;
}

sub count {
    my %n;
    $n{$_}++ for @_;
    return \%n;
}

# Ask `n` times; who served.
sub serve {
    my ($where, $n, %more) = @_;
    upstream_reset();
    ask($where, %more) for 1 .. $n;
    return way();
}

# --- state of channels ---------------------------------------------------------------

# A circuit opens for all children, one request tries it when its time is over, and a success closes it.
{
    upstream_reset();
    for my $n (1 .. 3) {
        my $r = ask('broken');
        is $r->{status}, 200, "breaker: failure $n is served by the next channel";
    }
    is_deeply [ way() ], [ ('broken', 'spare') x 3 ], 'breaker: each of them tried it';
    is channel('broken')->{circuit}{state}, 'open', 'breaker: then it is open';
    is_deeply [ serve('broken', 8) ], [ ('spare') x 8 ], 'breaker: and all children leave it alone';
    is channel('broken')->{circuit}{trips}, 1, 'breaker: it opened once';
    is channel('broken')->{upstream_attempts}{server_error}, 3, 'breaker: three failures are counted';
    ok wait_for(5, sub { channel('broken')->{circuit}{state} eq 'half_open' }), 'breaker: half open when its time is over';
    # The upstream's script goes on where it was: upstream_reset() begins it anew, so it is not called here.
    my @before = way();
    ask('broken') for 1 .. 3;
    my @after = way();
    is_deeply [ @after[ @before .. $#after ] ], [qw(broken spare spare spare)], 'breaker: one request tries it, and it still fails';
    is channel('broken')->{circuit}{trips}, 2, 'breaker: it opened again';
}

# A key rests for as long as its provider tells.
{
    is_deeply [ do { upstream_reset(); ask('two-keys'); ask('two-keys'); way(keys => 1) } ],
        [qw(two-keys/first-key two-keys/second-key two-keys/second-key)], 'rest: the second key at once';
    my ($key) = @{ channel('two-keys')->{keys} };
    my ($rest) = values %{ $key->{resting_models} };
    ok $rest && $rest->{told}, 'rest: for a time that was told' or diag explain $key;
    is $key->{upstream_attempts}{rate_limit}, 1, 'rest: counted at the key';
    ok wait_for(4, sub { !%{ channel('two-keys')->{keys}[0]{resting_models} } }), 'rest: it ends';
    my $r = ask('two-keys');
    is((way(keys => 1))[-1], 'two-keys/first-key', 'rest: and the first key is back');
}

# All rest: nobody is asked, and the client is told when to come back.
{
    upstream_reset();
    my $first = ask('told');
    is $first->{status}, 429, 'all rest: the answer of the provider';
    is $first->{headers}{'retry-after'}, 40, 'all rest: its time';
    my $r = ask('told');
    is $r->{status}, 429, 'all rest: 429 again';
    cmp_ok $r->{headers}{'retry-after'}, '<=', 40, 'all rest: with the time that is left';
    cmp_ok $r->{headers}{'retry-after'}, '>', 30, 'all rest: which is most of it';
    is scalar way(), 1, 'all rest: without asking';
}

# A time that is only assumed does not shut the last key out.
is_deeply [ serve('no-credit', 2) ], [qw(no-credit no-credit)], 'an assumed rest: the last key is asked all the same';
ok channel('no-credit')->{keys}[0]{resting}, 'an assumed rest: it rests' or diag explain channel('no-credit');
ok !channel('no-credit')->{keys}[0]{resting}{told}, 'an assumed rest: nobody told for how long';

# --- who serves whom ---------------------------------------------------------------------

# A conversation stays with who served it.
{
    my @session = ('X-Claude-Code-Session-Id' => 'session-one');
    upstream_reset();
    ask('stumbles', headers => \@session) for 1 .. 4;
    is_deeply [ way() ], [qw(stumbles spare spare spare spare)], 'affinity: the conversation stays with the second channel';
    ask('stumbles', headers => [ 'X-Claude-Code-Session-Id' => 'session-two' ]);
    is((way())[-1], 'stumbles', 'affinity: another one does not');
    ask('stumbles', headers => \@session, protocol => 'chat');
    is((way())[-1], 'stumbles', 'affinity: nor does another protocol of the same name');
    upstream_reset();
    ask('forgets', headers => \@session) for 1 .. 3;
    is_deeply [ way() ], [qw(forgets spare forgets forgets)], 'ClaudeAffinity Off: each request by priority';
}

# Without a binding all children choose the same channel for a conversation.
for my $session (1 .. 6) {
    my @way = serve('home', 4, headers => [ 'X-Claude-Code-Session-Id' => "stays-$session" ]);
    is scalar keys %{ count(@way) }, 1, "home of conversation $session: one channel";
}
is_deeply [ serve('promoted', 2) ], [qw(promoted promoted)], 'promotion: before priority';
is_deeply [ serve('promoted', 2, protocol => 'chat') ], [qw(turn-a turn-a)], 'promotion: for clients of its protocol only';

is_deeply count(serve('turns', 12)), { 'turn-a' => 4, 'turn-b' => 4, 'turn-c' => 4 }, 'round-robin: all children take turns together';
{
    my $n = count(serve('weights', 40));
    cmp_ok $n->{heavy} // 0, '>', $n->{light} // 0, 'weighted: the heavier gets more' or diag explain $n;
}
is_deeply count(serve('in-turns', 6)), { 'in-turns' => 6 }, 'keys in turns: one channel';
is_deeply count(way(keys => 1)), { map { ("in-turns/key-$_" => 2) } 1 .. 3 }, 'keys in turns: each key as often';
{
    upstream_reset();
    my @clients;
    for my $n (1 .. 4) {
        push @clients, begin_stream('least');
        ok wait_for(5, sub { way() == $n }), "least-busy: stream $n runs";
    }
    is_deeply count(way()), { 'busy-a' => 2, 'busy-b' => 2 }, 'least-busy: each has as many';
    is channel('busy-a')->{in_flight}, 2, 'least-busy: as status says';
    $_->receive, $_->shut for @clients;
    ok wait_for(5, sub { !channel('busy-a')->{in_flight} && !channel('busy-b')->{in_flight} }), 'least-busy: none in the end';
}

# --- limits --------------------------------------------------------------------------

{
    upstream_reset();
    my $client = begin_stream('narrow');
    ok wait_for(5, sub { scalar way() }), 'limit: a stream runs';
    my $r = ask('narrow');
    is $r->{status}, 429, 'limit: full' or diag $r->{body};
    ok $r->{headers}{'retry-after'}, 'limit: the client is told when to come back';
    is ask('narrow-and-spare')->{status}, 200, 'limit: where there is another channel, that answers';
    is_deeply [ way() ], [qw(narrow spare)], 'limit: the full one was left alone';
    is $client->receive->{status}, 200, 'limit: the stream goes on';
    $client->shut;
    is ask('narrow')->{status}, 200, 'limit: there is room again';
    upstream_reset();
    $client = begin_stream('brief');
    ok wait_for(5, sub { scalar way() }), 'limit: full';
    is ask('brief')->{status}, 200, 'limit: who may wait a moment is served when there is room';
    $client->shut;
}
is_deeply [ serve('seldom', 4) ], [qw(seldom seldom spare spare)], 'limit: so many requests a minute';
is_deeply [ serve('few-tokens', 2) ], [qw(few-tokens spare)], 'limit: so many tokens a minute of a key';
{
    upstream_reset();
    my @clients;
    for my $n (1, 2) {
        push @clients, begin_stream('narrow-keys');
        ok wait_for(5, sub { way() == $n }), "limit of keys: stream $n runs";
    }
    is_deeply [ way(keys => 1) ], [qw(narrow-keys/key-1 narrow-keys/key-2)], 'limit of keys: each with one of its own';
    my $r = ask('narrow-keys');
    is $r->{status}, 429, 'limit of keys: then all are full' or diag $r->{body};
    ok $r->{headers}{'retry-after'}, 'limit of keys: the client is told when to come back';
    is scalar way(), 2, 'limit of keys: nobody is asked';
    is $_->receive->{status}, 200, 'limit of keys: the streams go on' for @clients;
    $_->shut for @clients;
    is ask('narrow-keys')->{status}, 200, 'limit of keys: there is room again';
    serve('seldom-keys', 5);
    is_deeply [ way(keys => 1) ], [ ('seldom-keys/key-1') x 2, ('seldom-keys/key-2') x 2, 'spare/' ],
        'limit of keys: so many requests a minute of each';
}

# --- when another attempt may begin -----------------------------------------------------

# A second channel beside one that is silent.
{
    upstream_reset();
    my %before = %{ channel('hanging')->{upstream_attempts} };
    my $begun = time;
    my $r = ask('hedged', stream => $true);
    is $r->{status}, 200, 'hedge: answered' or diag $r->{body};
    is stream_text($r), 'You said: go', 'hedge: by the second channel';
    cmp_ok time - $begun, '>=', 0.15, 'hedge: not before its time';
    is_deeply [ way() ], [qw(hanging spare)], 'hedge: both were asked';
    is $r->{headers}{'x-claude-proxy-channel'}, 'spare', 'hedge: the client is told who answered';
    ok wait_for(5, sub { upstream_stats()->{aborted} == 1 }), 'hedge: the other was cancelled';
    my $after = channel('hanging')->{upstream_attempts};
    is_deeply $after, { %before, hedge_lost => 1 + ($before{hedge_lost} // 0) }, 'hedge: which speaks for nothing against it';
}

# No attempt begins too late; the last one that asks for patience.
for my $case ([ 'hurried', 500, 'late' ], [ 'unhurried', 200, 'late', 'spare' ],
    [ 'impatient', 429, 'busy' ], [ 'patient', 200, 'busy', 'busy' ])
{
    my ($where, $status, @want) = @$case;
    upstream_reset();
    my $r = ask($where);
    is $r->{status}, $status, "$where: $status" or diag $r->{body};
    is_deeply [ way() ], \@want, "$where: asked " . join ', ', @want;
}

# --- status -----------------------------------------------------------------------------

{
    my $before = status();
    my $turn = sub { my ($s) = @_; my ($c) = grep { $_->{name} eq 'turn-a' } @{ $s->{channels} }; return $c->{protocols} };
    ask('promoted', protocol => 'chat', headers => [ 'X-Test' => 'counted' ]) for 1 .. 5;
    my $after = status();
    for my $of (sub { $turn->($_[0])->{chat} }, sub { $_[0]{protocols}{chat} }, sub { $_[0]{models}{'any-model'} }) {
        is $of->($after)->{requests} - $of->($before)->{requests}, 5, 'status: five requests more';
        is $of->($after)->{results}{success} - $of->($before)->{results}{success}, 5, 'status: five successes';
        is $of->($after)->{tokens}{out} - $of->($before)->{tokens}{out},
            5 * ($turn->($after)->{chat}{tokens}{out} / $turn->($after)->{chat}{requests}), 'status: and their tokens';
    }
    is $after->{ledger}{lost}, 0, 'status: no booking was lost';
    is $after->{ledger}{posted}, $after->{ledger}{entered}, 'status: all are entered';
    is scalar(grep { $_->{in_flight} } @{ $after->{children} }), 0, 'status: nothing is in flight';
    my $text = encode($after);
    ok index($text, 'sched-key') < 0, 'status: no key is shown';
    is request(vhost => 'scheduler', path => '/closed-status')->{status}, 403, 'status: closed to nobody in particular';
    is request(vhost => 'scheduler', path => '/status', method => 'DELETE')->{status}, 405, 'status: is only to be read';
}
done_testing;
