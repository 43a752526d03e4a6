#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Clients of all kinds at once for a while: whole answers, clients that leave at
# any byte, errors, cut streams, nonsense, kept connections. CLP_SOAK_SECONDS
# says for how long. Afterwards all is as before.
use strict;
use warnings;

use ClaudeTest;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{CLP_SOAK_SECONDS} || 5;
my $seed = $ENV{CLP_SOAK_SEED} || 1;
my @scripts = ('m', 'script:streams/drip', 'script:streams/cut', 'script:streams/cut-clean', 'script:streams/error-later',
    'script:always/429', 'script:hostile/crlf', 'script:hostile/endless-error', 'script:hostile/odd-id',
    'script:streams/hang-middle', 'script:streams/hang-before', 'script:streams/wide');
my @vhosts = qw(main chat legacy);
my @paths = qw(/v1/messages /v1/chat/completions /v1/messages/count_tokens);

sub one {
    my ($i) = @_;
    my $client;
    my $pick = sub { $_[ int rand @_ ] };
    my $vhost = $pick->(@vhosts);
    for (1 .. 1 + int rand 4) {
        $client ||= ClaudeTest::Client->open_to(hostport($vhost));
        my $script = $pick->(@scripts);
        my $stream = $script =~ /hang|wide/ || rand() < 0.6;
        my $body = encode(messages_body($script, 'word ' x (1 + int rand 50), $stream ? (stream => JSON::PP::true()) : ()));
        $body = substr $body, 0, int rand length $body if rand() < 0.05;
        $client->send_request(method => 'POST', path => $pick->(@paths), headers => [ 'Content-Type' => 'application/json' ],
            body => $body, rand() < 0.2 ? (chunked => 1) : ());
        my $leave = int rand 3000;
        my $away = $script =~ /hang|wide/ || rand() < 0.3;
        my $r = $client->receive(timeout => $away ? rand 0.6 : 15, raw => 1,
            $away ? (until => sub { length $_[0] > $leave }) : ());
        if (!$away && !$r->{status}) {
            print STDERR "# no answer: $script at $vhost\n";
            return 0;
        }
        last if $away || $r->{closed};
    }
    $client->shut;
    return 1;
}

# A number of clients, each a process; true if all were answered.
sub run {
    my ($for, $salt) = @_;
    my @pids;
    for my $n (1 .. 6) {
        defined(my $pid = fork) or die "fork: $!\n";
        if (!$pid) {
            srand $seed * 1000 + $salt * 100 + $n;
            my ($until, $good) = (time + $for, 1);
            while (time < $until) {
                $good &&= eval { one($n) } // do { print STDERR "# $@"; 0 };
            }
            POSIX::_exit($good ? 0 : 1);
        }
        push @pids, $pid;
    }
    my $bad = 0;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $bad++ if $?;
    }
    return !$bad;
}

upstream_reset();
my @before = sort(children());
ok run($seconds * 0.4, 1), 'every client that stayed was answered';
ok wait_for(5, sub { !upstream_stats()->{open} }), 'nothing is left open at the upstream';
my $memory = memory();
ok run($seconds * 0.6, 2), 'and again';
ok wait_for(5, sub { !upstream_stats()->{open} }), 'nothing is left open at the upstream';
SKIP: {
    # The address sanitizer keeps what was freed, up to 256 MB a process.
    skip 'memory of a sanitized server', 1 if ($ENV{CLP_VARIANT} // '') eq 'asan';
    cmp_ok memory() - $memory, '<', $memory / 4 + 20_000, "memory has not grown much from $memory KB" or diag memory();
}
is_deeply [ sort(children()) ], \@before, 'the same children serve' if Apache::Test::config()->{server}{mpm} eq 'event';
is post('main', '/v1/messages', messages_body('m'))->{status}, 200, 'as before';
done_testing;
