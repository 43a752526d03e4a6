#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Ten graceful restarts and the death of children under load: what the upstream counted is what
# we counted, and nobody forgets what was known of channels.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Load;
use ClaudeTest::Server;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { WORKERS => 4, ROUNDS => 10 };

my $true = JSON::PP::true();
my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream};

sub conf {
    my ($more) = @_;
    return <<"END";
ServerLimit 40
StartServers 3
ThreadsPerChild 8
MaxRequestWorkers 24
MinSpareThreads 8
MaxSpareThreads 24
ClaudeRequireUser Off
ClaudeDebugHeaders On
ClaudeRetryWait Off
ClaudeProxy On
$more
<ClaudeChannel broken>
    ChannelService claude
    ChannelURL $upstream/at/broken/use/always+500
    ChannelKey key-1
    ChannelPriority 1
    ChannelModels known-*
    ChannelBreaker window=3 min=3 open=1h
</ClaudeChannel>
<ClaudeChannel resting>
    ChannelService claude
    ChannelURL $upstream/at/resting/use/scheduler+busy-for-long
    ChannelKey key-2
    ChannelPriority 2
    ChannelModels known-*
</ClaudeChannel>
<ClaudeChannel stumbles>
    ChannelService claude
    ChannelURL $upstream/at/stumbles/use/scheduler+one-fails
    ChannelKey key-3
    ChannelPriority 3
    ChannelModels known-*
</ClaudeChannel>
<ClaudeChannel serves>
    ChannelService claude
    ChannelURL $upstream/at/serves
    ChannelKey key-4
    ChannelPriority 4
</ClaudeChannel>
<ClaudeChannel promoted>
    ChannelService claude
    ChannelURL $upstream/at/promoted
    ChannelKey key-5
    ChannelPriority 9
    ChannelModels load-*
    ChannelPromotion until=2100-01-01T00:00:00Z
</ClaudeChannel>
<Location /status>
    SetHandler claude-status
</Location>
END
}

my $server = ClaudeTest::Server->new('graceful', conf(''));
my $hostport = $server->hostport;

sub ask {
    my ($model, %more) = @_;
    my $headers = delete $more{headers} // [];
    return request(hostport => $hostport, method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json', @$headers ], body => encode(messages_body($model, 'go', %more)));
}

sub status { return request(hostport => $hostport, path => '/status')->{json} }

sub channel {
    my ($name, $s) = @_;
    my ($c) = grep { $_->{name} eq $name } @{ ($s // status())->{channels} };
    return $c;
}

sub attempts {
    my ($s) = @_;
    my $n = 0;
    $n += $_ for map { values %{ $_->{upstream_attempts} } } @{ $s->{channels} }, @{ $s->{former_channels} };
    return $n;
}

sub in_flight {
    my $n = 0;
    $n += $_->{in_flight} for @{ status()->{channels} };
    return $n;
}

sub way { return map { $_->{path} =~ m{/at/([\w-]+)} } upstream_log() }

# A restart is over when a child is there that was not before.
sub graceful {
    my %old = map { $_ => 1 } $server->children;
    kill USR1 => $server->pid;
    return wait_for(20, sub { grep { !$old{$_} } $server->children });
}

sub load {
    return ClaudeTest::Load->start(WORKERS, sub { my ($worker, $i) = @_; ask("load-$worker", $i % 2 ? (stream => $true) : ()) });
}

# A stream that has begun, and then all of the rest of it.
sub begin_stream {
    my ($mark) = @_;
    my $client = ClaudeTest::Client->open_to($hostport);
    $client->send_request(method => 'POST', path => '/v1/messages', headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body("script:streams/slow-then-done#$mark", 'x', stream => $true)));
    my $head = $client->receive(until => sub { $_[0] =~ /word2/ });
    return { client => $client, pid => $head->{headers}{'x-claude-proxy-pid'} };
}

sub end_stream {
    my ($stream) = @_;
    my $client = $stream->{client};
    my $until = time + 30;
    while ($client->{in} !~ /\r\n0\r\n\r\n\z/ && $client->more($until)) { }
    $client->shut;
    return $client->{in};
}

$server->start or BAIL_OUT('no server');
upstream_reset();
my @session = ('X-Claude-Code-Session-Id' => 'a-conversation');
ask('known-1', headers => \@session);
is_deeply [ way() ], [qw(broken resting stumbles serves)], 'before: a conversation went to the last channel';
ask('known-1') for 1 .. 2;
is((way())[-1], 'stumbles', 'before: where others do not go');
is channel('broken')->{circuit}{state}, 'open', 'before: a circuit is open';

# Ten graceful restarts under load, with a stream that is older than all of them.
my $late = begin_stream('late');
my $s = status();
my $requests = $s->{protocols}{messages}{requests};
my $succeeded = $s->{protocols}{messages}{results}{success};
my $load = load();
my $restarted = 0;
for (1 .. ROUNDS) {
    $restarted += graceful() ? 1 : 0;
    sleep 0.2;
}
is $restarted, ROUNDS, 'ten graceful restarts';
my ($tried, $sent, $whole) = @{ $load->stop }{qw(tried answered whole)};
like end_stream($late), qr/event: message_stop/, 'the stream of before came to its end';
cmp_ok $sent, '>', 10 * WORKERS, "there was load: $sent requests";
is $whole, $sent, 'all of them were answered as a whole';
ok wait_for(20, sub { in_flight() == 0 }), 'nothing is in flight when all is over';
my $seen = scalar upstream_log();
ok wait_for(10, sub { attempts(status()) == $seen }), "the upstream counted $seen attempts, and so did we"
    or diag 'counted: ', attempts(status());
$s = status();
is $s->{protocols}{messages}{requests}, $requests + $sent + 1, 'and each request once, that of the old child too';
is $s->{protocols}{messages}{results}{success}, $succeeded + $sent + 1, 'all as successes';
is $s->{ledger}{lost}, 0, 'no booking was lost';
is $s->{ledger}{skipped}, 0, 'or given up';
is channel('promoted', $s)->{upstream_attempts}{success}, $sent, 'the promoted channel stayed the first';
is channel('broken', $s)->{circuit}{state}, 'open', 'the circuit is still open';
is channel('broken', $s)->{circuit}{trips}, 1, 'and opened once';
ok %{ channel('resting', $s)->{keys}[0]{resting_models} }, 'the key still rests';
upstream_reset();
ask('known-1', headers => \@session);
is_deeply [ way() ], ['serves'], 'the conversation is still where it was';

# Tables of another size: what there was is in them, and new children count on.
$server->configure(conf('ClaudeTableSize channels=100 models=80'));
$requests = status()->{protocols}{messages}{requests};
ok graceful(), 'a graceful restart with larger tables';
ok wait_for(10, sub { status()->{tables}{channels}{rows} == 100 }), 'they are in use';
is status()->{protocols}{messages}{requests}, $requests, 'with the same numbers';
is channel('broken')->{circuit}{state}, 'open', 'and the circuit open';
ask('load-0');
is status()->{protocols}{messages}{requests}, $requests + 1, 'they are counted on';

# Children that are killed in mid-stream, under load.
upstream_reset();
my @streams = map { begin_stream($_) } 1 .. 4;
cmp_ok in_flight(), '>=', 4, 'streams are in flight';
my $before = status();
$load = load();
my @doomed = $server->children;
for my $pid (@doomed) {
    kill KILL => $pid;
    sleep 0.3;
}
($tried, $sent, $whole) = @{ $load->stop }{qw(tried answered whole)};
my $streams = grep { end_stream($_) =~ /event: message_stop/ } @streams;
cmp_ok $streams, '<', 4, 'streams were cut off';
cmp_ok $sent, '>', WORKERS, "there was load: $sent of $tried requests were answered, $whole as a whole";
ok wait_for(15, sub { in_flight() == 0 }), 'nothing that they held is in flight any more' or diag explain status()->{children};
my $after = status();
my $counted = $after->{protocols}{messages}{requests} - $before->{protocols}{messages}{requests};
cmp_ok $counted, '>=', $whole + $streams, 'every request that was answered is counted';
cmp_ok $counted, '<=', $tried + $streams, 'and none twice';
is $after->{ledger}{entered}, $after->{ledger}{posted}, 'no booking is stuck';
is $after->{ledger}{lost}, 0, 'none was lost';
my %doomed = map { $_ => 1 } @doomed;
ok wait_for(15, sub { !grep { $doomed{ $_->{pid} } } @{ status()->{children} } }), 'their rows are free';
is ask('load-1')->{status}, 200, 'the others serve on';
unlike $server->error_log, qr/exit signal (?!Killed)/, 'nobody else died';
unlike $server->error_log, qr/\[claude_proxy:(?:error|crit|alert|emerg)\]/, 'no error of the module in the log';
done_testing;
