#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Those who change channels at the same time, are killed while they do, or find no room on the disk: nothing is lost that was
# acknowledged, and the file is a whole one at every time.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Load;
use ClaudeTest::Server;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { AT_ONCE => 8, KILLS => 12 };

my $server = ClaudeTest::Server->new('live-writers', <<'END');
StartServers 3
ThreadsPerChild 8
MaxRequestWorkers 24
MinSpareThreads 1
MaxSpareThreads 24
ClaudeStateDir state
ClaudeRequireUser Off
<ClaudeChannel base>
    ChannelService claude
    ChannelURL http://127.0.0.1:9
    ChannelAuth none
</ClaudeChannel>
<Location /manage>
    SetHandler claude-admin
</Location>
END
my $hostport = $server->hostport;
my $state = $server->dir . '/state';
my $file = "$state/channels.json";

sub admin {
    my ($method, $path, $body, @headers) = @_;
    return request(hostport => $hostport, method => $method, path => "/manage/api/channels$path",
        headers => [ 'Content-Type' => 'application/json', @headers ], defined $body ? (body => encode($body)) : ());
}

sub channel {
    my ($name, %more) = @_;
    return { name => $name, serviceType => 'claude', baseUrls => ['http://127.0.0.1:9'], auth => 'none', %more };
}

sub text {
    open my $fh, '<', $file or return '';
    local $/;
    return scalar <$fh>;
}

sub beside { return grep { /\.tmp-/ } glob "$state/* $state/backups/*" }

# How many got which status, of requests that all are sent before the first answer is read.
sub rivals {
    my ($prefix, @headers) = @_;
    my @clients = map {
        my $client = ClaudeTest::Client->open_to($hostport);
        $client->send_request(method => 'POST', path => '/manage/api/channels', body => encode(channel("$prefix-$_")),
            headers => [ 'Content-Type' => 'application/json', @headers ]);
        $client;
    } 1 .. AT_ONCE;
    my %status;
    $status{ $_->receive(timeout => 30)->{status} }++ for @clients;
    $_->shut for @clients;
    return join ' ', map { "$_ x $status{$_}" } sort keys %status;
}

$server->start or BAIL_OUT('no server');

# --- at the same time -----------------------------------------------------------------
my $none = AT_ONCE - 1;
my $etag = admin(GET => '')->{headers}{etag};
is rivals('if', 'If-Match' => $etag), "201 x 1 412 x $none", 'of those who have seen the same, one may change it';
is scalar(grep { /^if-/ } keys %{ decode(text())->{channels} }), 1, 'and the others change nothing';
is rivals('any'), '201 x ' . AT_ONCE, 'who does not ask what is there';
is scalar(grep { /^any-/ } keys %{ decode(text())->{channels} }), AT_ONCE, 'undoes nothing of another';
is decode(text())->{revision}, 1 + AT_ONCE, 'each is a revision';

# --- killed ---------------------------------------------------------------------------
my $load = ClaudeTest::Load->start(3, sub {
    my ($worker, $i) = @_;
    return admin(PATCH => "/any-$worker", { priority => 1 + $i });
});
my $whole = 0;
my $revision = 1 + AT_ONCE;
for (1 .. KILLS) {
    my $children = wait_for(10, sub { my @c = $server->children; @c && decode(text())->{revision} > $revision && \@c }) or last;
    sleep rand 0.03;
    kill KILL => $children->[ rand @$children ];
    my $document = decode(text());
    $whole++ if $document && $document->{revision} && keys %{ $document->{channels} } == 1 + AT_ONCE;
    $revision = ($document || {})->{revision} // 0;
}
my $sum = $load->stop;
is $whole, KILLS, 'whoever is killed, the file is a whole one';
cmp_ok $sum->{whole}, '>', KILLS / 2, "of $sum->{tried} changes $sum->{whole} were acknowledged";
my $document = decode(text());
cmp_ok $document->{revision}, '>=', 1 + AT_ONCE + $sum->{whole}, 'none of these is lost';
cmp_ok $document->{revision}, '<=', 1 + AT_ONCE + $sum->{tried}, 'and nothing else was written';
my $began = time;
is admin(PATCH => '/any-1', { priority => 77 })->{status}, 200, 'the next one is made';
cmp_ok time - $began, '<', 4, 'nobody holds the lock';
is_deeply [ beside() ], [], 'nothing is left of the killed';
is scalar(grep { !decode(ClaudeTest::Server::slurp($_)) } glob "$state/backups/*.json"), 0, 'every backup is a whole one';
ok wait_for(10, sub { $server->children >= 2 }), 'there are children again';

# --- no room --------------------------------------------------------------------------
# A limit for the size of files stands in for a full disk: no mount, no root. Children to come have it of their parent.
sub limit {
    my ($bytes) = @_;
    return !grep { system("prlimit --pid=$_ --fsize=$bytes: 2>>$state/../prlimit") != 0 } $server->pid, $server->children;
}
SKIP: {
    skip 'no prlimit', 1 if !limit('unlimited');
    my $before = text();
    my @backups = glob "$state/backups/*";
    ok limit(100), 'the disk is full';
    for my $change ([ PATCH => '/any-1', { priority => 5 } ], [ POST => '', channel('large') ], [ DELETE => '/any-2' ]) {
        my $r = admin(@$change);
        is $r->{status}, 500, "$change->[0]: 500";
        like $r->{json}{error}{message}, qr/\bbackup\b.*\bFile too large/, '... says why';
    }
    is admin(GET => '/any-1')->{json}{priority}, 77, 'what is in force stays';
    is admin(GET => '/large')->{status}, 404, '... and is all there is';
    is text(), $before, 'the file is as it was';
    is_deeply [ glob "$state/backups/*" ], \@backups, 'so are the backups';
    is_deeply [ beside() ], [], 'and nothing is left beside';
    ok limit('unlimited'), 'there is room again';
    is admin(PATCH => '/any-1', { priority => 5 })->{status}, 200, 'so a change can be made';
}
unlike $server->error_log, qr/exit signal (?!Killed)/, 'nobody died but the killed';
done_testing;
