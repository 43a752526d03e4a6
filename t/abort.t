#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# A client that leaves takes its upstream request with it, within a second, in
# every phase and over both versions of HTTP.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');

# phase, script, what the client waits for before it leaves
my @phases = (
    [ 'before the status line',  'streams/hang-before', undef ],
    [ 'after the status line',   'streams/hang-head',   undef ],
    [ 'in the middle',           'streams/hang-middle', qr/first / ],
    [ 'between slow events',     'streams/slow-then-done', qr/word/ ],
);

sub body {
    my ($script, $stream) = @_;
    return encode(messages_body("script:$script", 'x', $stream ? (stream => JSON::PP::true()) : ()));
}

# Has the upstream seen its client go, and how long after $left?
sub cut_after {
    my ($script, $left) = @_;
    my $entry = wait_for(3, sub { my ($e) = grep { $_->{aborted} } upstream_log(script => $script); $e });
    return $entry ? $entry->{aborted} - $left : undef;
}

# All of them have come to the upstream.
sub have_begun {
    my (@scripts) = @_;
    return wait_for(5, sub { my %seen = map { $_->{script} => 1 } upstream_log(); !grep { !$seen{$_} } @scripts });
}

for my $vhost (qw(main chat)) {
    for my $dialect (qw(messages chat)) {
        my @cases = map { my ($phase, $script, $until) = @$_;
            map { { name => "$dialect client, $vhost upstream, " . ($_ ? 'stream' : 'document') . ", $phase", script => "$script#$_",
                until => $until, stream => $_ } } $until ? 1 : (1, 0) } @phases;
        upstream_reset();
        for my $case (@cases) {
            $case->{client} = ClaudeTest::Client->open_to(hostport($vhost));
            $case->{client}->send_request(method => 'POST', path => $path{$dialect},
                headers => [ 'Content-Type' => 'application/json' ], body => body(@$case{qw(script stream)}));
        }
        for my $case (grep { $_->{until} } @cases) {
            my $r = $case->{client}->receive(until => sub { $_[0] =~ $case->{until} }, timeout => 5);
            like $r->{body}, $case->{until}, "$case->{name}: had begun";
            $case->{left} = time;
            $case->{client}->shut;
        }
        my @silent = grep { !$_->{until} } @cases;
        ok have_begun(map { $_->{script} } @silent), "$dialect client, $vhost upstream: those that get nothing had begun";
        sleep 0.2;
        for my $case (@silent) {
            $case->{left} = time;
            $case->{client}->shut;
        }
        for my $case (@cases) {
            my $took = cut_after(@$case{qw(script left)});
            ok defined $took, "$case->{name}: the upstream is left" or next;
            cmp_ok $took, '<', 1, "$case->{name}: within a second";
        }
    }
}

# A half-closed connection counts as gone; with ClaudeIgnoreClientAbort nothing does.
{
    upstream_reset();
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    $client->send_request(method => 'POST', path => '/deaf/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ], body => body('streams/late', 0));
    ok wait_for(3, sub { upstream_log() }), 'ClaudeIgnoreClientAbort: had begun';
    $client->shut;
    ok wait_for(4, sub { my ($e) = upstream_log(); $e->{done} }), 'ClaudeIgnoreClientAbort: goes on';
    ok !(upstream_log())[0]{aborted}, 'ClaudeIgnoreClientAbort: to its end';
}

# An attempt that fails just when the client has left is the last, even though the client is not
# watched yet so soon after its request.
{
    upstream_reset();
    my $client = ClaudeTest::Client->open_to(hostport('failover'));
    $client->send_request(method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ], body => body('failures/500-soon', 0));
    $client->shut;
    ok wait_for(3, sub { my ($e) = upstream_log(); $e && $e->{done} }), 'left before a failure: it had begun';
    sleep 0.3;
    is scalar(my @all = upstream_log()), 1, 'left before a failure: nobody else is asked';
}

# HTTP/2: the client's stream goes with its connection, or alone.
sub started {
    my (@command) = @_;
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', logs_dir() . '/h2client.out';
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    return $pid;
}

my $url = 'http://' . hostport('h2');

{
    my @cases = map { my ($phase, $script) = @$_;
        map { { name => "HTTP/2, $phase, client ends by $_", script => "$script#$_", how => $_ } } qw(TERM KILL) } @phases;
    upstream_reset();
    $_->{pid} = started('curl', '-sN', '--http2-prior-knowledge', '-H', 'content-type: application/json',
        '-d', body($_->{script}, 1), "$url/v1/messages") for @cases;
    ok have_begun(map { $_->{script} } @cases), 'HTTP/2: all had begun';
    sleep 0.3;
    for my $case (@cases) {
        $case->{left} = time;
        kill $case->{how} => $case->{pid};
        waitpid $case->{pid}, 0;
    }
    for my $case (@cases) {
        my $took = cut_after(@$case{qw(script left)});
        ok defined $took, "$case->{name}: the upstream is left" or next;
        cmp_ok $took, '<', 1.2, "$case->{name}: within a second";
    }
}

# One stream reset while the connection lives on: nghttp resets after its timeout.
{
    upstream_reset();
    open my $fh, '>', logs_dir() . '/h2body.json' or die "h2body.json: $!\n";
    print {$fh} body('streams/hang-middle', 1);
    close $fh;
    my $pid = started('nghttp', '-v', '--timeout=1', '-d', logs_dir() . '/h2body.json',
        '-H', 'content-type: application/json', "$url/v1/messages");
    ok wait_for(3, sub { upstream_log(script => 'streams/hang-middle') }), 'nghttp: had begun';
    my $entry = wait_for(5, sub { my ($e) = grep { $_->{aborted} } upstream_log(); $e });
    ok $entry, 'nghttp: the upstream is left when the client gives up';
    waitpid $pid, 0;
}

# Nothing is left over.
is upstream_stats()->{open}, 0, 'no request is left open at the upstream';
is post('main', '/v1/messages', messages_body('m'))->{status}, 200, 'the server answers as before';
done_testing;
