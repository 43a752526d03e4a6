#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Two hundred changes of channels while four children serve: no request fails because of one, all children have it within
# a second, and what is out of force is freed.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Load;
use ClaudeTest::Server;
use Digest::SHA qw(sha256_hex);
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);

use constant { CHILDREN => 4, THREADS => 8, ROUNDS => 20 };

my $true = JSON::PP::true();
my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';

my $server = ClaudeTest::Server->new('live-load', <<"END");
ServerLimit 16
StartServers @{[ CHILDREN ]}
ThreadsPerChild @{[ THREADS ]}
MaxRequestWorkers @{[ CHILDREN * THREADS ]}
MinSpareThreads 1
MaxSpareThreads @{[ CHILDREN * THREADS ]}
ClaudeStateDir state
ClaudeRequireUser Off
ClaudeDebugHeaders On
ClaudeProxy On
<ClaudeChannel steady>
    ChannelService claude
    ChannelURL $upstream/steady
    ChannelKey steady-key-1 steady-key-2
</ClaudeChannel>
<Location /manage>
    ClaudeProxy Off
    SetHandler claude-admin
</Location>
<Location /status>
    SetHandler claude-status
</Location>
END
my $hostport = $server->hostport;

# What a generation takes should show.
{
    my %others = map { ("other-$_" => { serviceType => 'claude', baseUrls => ["$upstream/other"], apiKeys => ["other-key-$_"],
        status => 'disabled' }) } 1 .. 20;
    mkdir $server->dir . '/state', 0700;
    open my $fh, '>', $server->dir . '/state/channels.json' or die "channels.json: $!\n";
    chmod 0600, $fh;
    print {$fh} encode({ version => 1, revision => 1, channels => \%others });
    close $fh or die "channels.json: $!\n";
}

sub change {
    my ($method, $path, $body) = @_;
    my $r = request(hostport => $hostport, method => $method, path => "/manage/api/channels$path",
        defined $body ? (headers => [ 'Content-Type' => 'application/json' ], body => encode($body)) : ());
    fail("$method $path: $r->{status} $r->{body}") if $r->{status} !~ /^20[01]$/;
    return $r->{json}{revision};
}

sub ask {
    my ($model, %more) = @_;
    return request(hostport => $hostport, method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body($model, 'go', %more)));
}

sub status { return request(hostport => $hostport, path => '/status')->{json} }

# The server's children as the tables tell; those of before a graceful restart are there until their requests have ended.
sub told { return @{ status()->{children} } }

sub agree_on {
    my ($revision) = @_;
    return wait_for(10, sub { my @c = told(); @c >= CHILDREN && !grep { $_->{revision} < $revision } @c });
}

# A round of changes of all kinds around a channel that comes and goes.
sub round {
    my ($n) = @_;
    my $name = "brief-$n";
    my $key = "brief-key-$n";
    my $id = substr sha256_hex($key), 0, 16;
    my $priority = 1 + $n % 3;
    return (
        [ POST => '', { name => $name, serviceType => 'claude', baseUrls => ["$upstream/$name"], apiKeys => ['brief-key'],
            priority => $priority } ],
        [ PATCH => '/steady', { priority => 1 + $n % 5, weight => 1 + $n % 4 } ],
        [ PATCH => "/$name", { modelMapping => { 'load-*' => "mapped-$n" }, limits => { concurrent => 2 } } ],
        [ POST => "/$name/keys", { apiKey => $key } ],
        [ POST => "/$name/keys/$id/top", {} ],
        [ POST => '/reorder', { order => [ $n % 2 ? ('steady', $name) : ($name, 'steady') ] } ],
        [ PATCH => "/$name/status", { status => 'suspended' } ],
        [ PUT => "/$name", { serviceType => 'claude', baseUrls => ["$upstream/$name-again"], apiKeys => [$key], priority => $priority } ],
        [ POST => "/$name/keys/$id/disable", {} ],
        [ DELETE => "/$name" ],
    );
}

$server->start or BAIL_OUT('no server');
ok wait_for(20, sub { told() == CHILDREN }), CHILDREN . ' children serve';
is ask('load-0')->{status}, 200, 'before any change';

my $load = ClaudeTest::Load->start(3, sub {
    my ($worker, $i) = @_;
    return ask($worker == 1 ? 'script:streams/slow-then-done' : "load-$worker", $worker == 1 || $i % 2 ? (stream => $true) : ());
});
my ($revision, $kept, $memory) = (1, 0, 0);
my @took;    # seconds until all children had a change
my %restarted;
my $began = time;
for my $n (1 .. ROUNDS) {
    for my $change (round($n)) {
        my $now = change(@$change);
        cmp_ok $now, '==', $revision + 1, "a change that is none: @$change[0, 1]" if $now != $revision + 1;
        $revision = $now;
    }
    my $changed = time;
    my $agreed = agree_on($revision);
    push @took, time - $changed;
    last if !$agreed;
    my @now = told();
    $kept = max($kept, map { $_->{generations} } @now);
    if ($n == ROUNDS / 2) {
        %restarted = map { $_->{pid} => 1 } @now;
        kill USR1 => $server->pid;
        wait_for(20, sub { CHILDREN == grep { !$restarted{$_} } $server->children }) or fail('a graceful restart');
        agree_on($revision);
    }
    $memory = memory($server->children) if $n == ROUNDS / 2 + 3;
}
my $seconds = time - $began;
is $revision, 1 + ROUNDS * 10, 'every change was made';
is scalar @took, ROUNDS, 'and came to all children' or diag explain [ told() ];
my ($middle) = (sort { $a <=> $b } @took)[ @took / 2 ];
cmp_ok $middle, '<', 1, sprintf 'within a second: %.2f s, %.2f s at most', $middle, max(@took);
cmp_ok $kept, '<=', THREADS + 1, "no child kept more generations than it had requests: $kept";
SKIP: {
    # The address sanitizer keeps what was freed.
    skip 'memory of a sanitized server', 1 if ($ENV{CLP_VARIANT} // '') eq 'asan';
    my $now = memory($server->children);
    cmp_ok $now, '<', $memory * 1.25 + 8000, "memory did not grow with the changes: $memory KB, then $now KB";
}
my $sum = $load->stop;
is $sum->{whole}, $sum->{tried}, "no request failed of $sum->{tried}, with " . sprintf('%.0f changes a second', $revision / $seconds)
    or diag join "\n", @{ $sum->{wrong} };
cmp_ok $sum->{tried}, '>', 100, 'there was load';
ok wait_for(15, sub { my @c = told(); @c == CHILDREN && !grep { $_->{generations} != 1 } @c }), 'nothing old is kept when all is over'
    or diag explain [ told() ];
ok !(grep { $restarted{ $_->{pid} } } told()), 'they are the children of the restart';

# What they tell is what they do.
change(POST => '', { name => 'last', serviceType => 'claude', baseUrls => ["$upstream/last"], apiKeys => ['last-key'], priority => 0 });
agree_on($revision + 1);
upstream_reset();
my %answered;
ok wait_for(20, sub { $answered{ ask('load-0')->{headers}{'x-claude-proxy-pid'} }++; keys %answered == CHILDREN }), 'all children answer';
is scalar(grep { $_->{path} !~ m{^/at/last/} } upstream_log()), 0, 'with the channel of the last change';
unlike $server->error_log, qr/exit signal/, 'no child died';
unlike $server->error_log, qr/\[claude_proxy:(?:error|crit|alert|emerg)\]/, 'no error of the module in the log';
done_testing;
