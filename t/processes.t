#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Several children, a graceful restart under a stream, a child that is killed.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

sub pids {
    my ($n) = @_;
    my %pid;
    my @clients = map {
        my $client = ClaudeTest::Client->open_to(hostport('main'));
        $client->send_request(method => 'POST', path => '/v1/messages',
            headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('script:streams/late')));
        $client
    } 1 .. $n;
    for my $client (@clients) {
        my $r = $client->receive;
        $pid{ $r->{headers}{'x-claude-proxy-pid'} // 'none' }++;
        $client->shut;
    }
    return \%pid;
}

my $pids = pids(12);
cmp_ok scalar keys %$pids, '>=', 2, 'two children and more answer' or diag explain $pids;
ok !$pids->{none}, 'each says who it is';

# Many at once.
{
    upstream_reset();
    my @clients = map {
        my $client = ClaudeTest::Client->open_to(hostport($_ % 2 ? 'main' : 'chat'));
        $client->send_request(method => 'POST', path => '/v1/messages',
            headers => [ 'Content-Type' => 'application/json' ],
            body => encode(messages_body('script:streams/drip', "number $_", stream => JSON::PP::true())));
        [ $_, $client ]
    } 1 .. 40;
    my @wrong = grep { stream_text($_->[1]->receive) ne "You said: number $_->[0]" } @clients;
    is scalar @wrong, 0, '40 streams at once, each its own answer';
    $_->[1]->shut for @clients;
}

# Graceful: the stream that runs goes on to its end, new requests are answered meanwhile.
{
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    $client->send_request(method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body('script:streams/slow-then-done', 'x', stream => JSON::PP::true())));
    my $part = $client->receive(until => sub { $_[0] =~ /word2/ });
    my %old = map { $_ => 1 } children();
    kill USR1 => server_pid();
    ok wait_for(10, sub { grep { !$old{$_} } children() }), 'graceful: new children';
    my $r = wait_for(10, sub {
        my $answer = eval { post('main', '/v1/messages', messages_body('m')) };
        $answer && $answer->{status} == 200 ? $answer : undef;
    });
    ok $r, 'graceful: new requests are answered';
    $client->{began} = time;
    my $rest = '';
    while (my $more = $client->more(time + 10)) { last if $client->{in} =~ /\r\n0\r\n\r\n\z/ }
    my $all = $part->{body} . $client->{in};
    like $all, qr/word20/, 'graceful: the stream goes on';
    like $all, qr/event: message_stop/, 'graceful: to its end';
    like $client->{in}, qr/0\r\n\r\n\z/, 'graceful: properly closed';
    $client->shut;
}
{
    my $r = post('main', '/v1/messages', messages_body('m'));
    is $r->{status}, 200, 'after the graceful restart';
}

# Graceful with another size of the shared tables: the old children keep theirs.
{
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    $client->send_request(method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body('script:streams/slow-then-done', 'x', stream => JSON::PP::true())));
    my $part = $client->receive(until => sub { $_[0] =~ /word2/ });
    for my $rows (512, 4096, 512) {
        open my $conf, '>>', top() . '/conf/ports.conf' or die "ports.conf: $!\n";
        print {$conf} "ClaudeThreadTableSize $rows\nClaudeTableSize users=$rows\n";
        close $conf or die "ports.conf: $!\n";
        my %old = map { $_ => 1 } children();
        kill USR1 => server_pid();
        ok wait_for(10, sub { grep { !$old{$_} } children() }), "graceful with $rows rows: new children";
        ok wait_for(10, sub { my $r = eval { post('main', '/v1/messages', messages_body('m')) }; $r && $r->{status} == 200 }),
            "graceful with $rows rows: answered";
    }
    my $until = time + 15;
    while ($client->{in} !~ /\r\n0\r\n\r\n\z/ && $client->more($until)) { }
    like $client->{in}, qr/event: message_stop.*\r\n0\r\n\r\n\z/s, 'the stream goes on to its end';
    $client->shut;
}

# A child that dies takes only its own requests with it.
{
    expect_log('child pid \d+ exit signal Killed', 'AH00052');
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    $client->send_request(method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body('script:streams/slow-then-done', 'x', stream => JSON::PP::true())));
    my $part = $client->receive(until => sub { $_[0] =~ /word2/ });
    my $pid = $part->{headers}{'x-claude-proxy-pid'};
    ok $pid, 'a stream in a child we know';
    kill KILL => $pid;
    $client->receive(timeout => 3);
    $client->shut;
    ok wait_for(10, sub { my $r = eval { post('main', '/v1/messages', messages_body('m')) }; $r && $r->{status} == 200 }),
        'the others answer';
    ok wait_for(5, sub { !upstream_stats()->{open} }), 'nothing is left open at the upstream';
}
done_testing;
