#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What the state directory keeps over a stop of the server, and what a file that
# nobody can read does: nothing.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Server;
use Test::More;
use Time::HiRes qw(sleep);

my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream};

sub conf {
    my (%more) = @_;
    my $more = $more{more} // '';
    return <<"END";
ServerLimit 3
StartServers 3
ThreadsPerChild 4
MaxRequestWorkers 12
ClaudeStateDir state
ClaudeRequireUser Off
ClaudeProxy On
ClaudeRetryWait Off
ClaudeSnapshotInterval 1s
$more
<ClaudeChannel broken>
    ChannelService claude
    ChannelURL $upstream/at/broken/use/always+500
    ChannelKey key-1
    ChannelPriority 1
    ChannelBreaker window=3 min=3 open=1h
</ClaudeChannel>
<ClaudeChannel resting>
    ChannelService claude
    ChannelURL $upstream/at/resting/use/scheduler+busy-for-long
    ChannelKey key-2
    ChannelPriority 2
</ClaudeChannel>
<ClaudeChannel serves>
    ChannelService claude
    ChannelURL $upstream/at/serves
    ChannelKey key-3
    ChannelPriority 3
</ClaudeChannel>
<ClaudeChannel stumbles>
    ChannelService claude
    ChannelURL $upstream/at/stumbles/use/scheduler+one-fails
    ChannelKey key-4
    ChannelPriority 4
</ClaudeChannel>
ClaudeChannelSet talks stumbles keeps
<ClaudeChannel keeps>
    ChannelService claude
    ChannelURL $upstream/at/keeps
    ChannelKey key-5
    ChannelPriority 5
</ClaudeChannel>
<Location /talks>
    ClaudeProxy On
    ClaudeUseSet talks
</Location>
<Location /status>
    SetHandler claude-status
</Location>
END
}

my $server = ClaudeTest::Server->new('restart', conf());
my $file = $server->dir . '/state/state.snapshot';

sub ask {
    return request(hostport => $server->hostport, method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('m', 'go')));
}

my @session = ('X-Claude-Code-Session-Id' => 'a-talk-of-mine');
my @threads = ('anthropic-version' => '2026-10-21', 'anthropic-beta' => 'message-threads-2026-08-12');

# A request of a conversation, or of a thread, and who was asked. The upstream's script goes on
# where it was, so the first choice fails but once after upstream_reset().
sub talk {
    my ($headers, %more) = @_;
    my $before = () = way();
    my $r = request(hostport => $server->hostport, method => 'POST', path => '/talks/v1/messages',
        headers => [ 'Content-Type' => 'application/json', @$headers ], body => encode(messages_body('m', 'go', %more)));
    my @way = way();
    return $r, join ' ', @way[ $before .. $#way ];
}

sub status { return request(hostport => $server->hostport, path => '/status')->{json} }

sub channel {
    my ($name) = @_;
    my ($c) = grep { $_->{name} eq $name } @{ status()->{channels} };
    return $c;
}

sub way { return map { $_->{path} =~ m{/at/([\w-]+)} } upstream_log() }

# What does not depend on the time.
sub essence {
    my $s = status();
    return {
        protocols => $s->{protocols}, users => $s->{users}, models => $s->{models},
        map {
            my $c = $_;
            $c->{name} => { circuit => $c->{circuit}{state}, trips => $c->{circuit}{trips}, attempts => $c->{upstream_attempts},
                rests => scalar %{ $c->{keys}[0]{resting_models} }, day => $c->{windows}{'24h'}, protocols => $c->{protocols} }
        } @{ $s->{channels} },
    };
}

$server->start or BAIL_OUT('no server');
is ask()->{status}, 200, 'served' for 1 .. 6;
my $before = essence();
is $before->{broken}{circuit}, 'open', 'a circuit is open';
is $before->{resting}{rests}, 1, 'a key rests';
is $before->{protocols}{messages}{requests}, 6, 'six requests';
ok wait_for(15, sub { -s $file }), 'the file is written while the server runs';
is((stat $file)[2] & 0777, 0600, 'for nobody else to read');

# Conversations and threads that their first choice did not get.
upstream_reset();
my ($opened, $home) = talk(\@threads, thread => { type => 'create' });
is $home, 'stumbles keeps', 'a thread is opened at the second channel';
my @follow = (\@threads, thread => { type => 'continue', previous_message_id => $opened->{json}{id} });
upstream_reset();
is((talk(\@session))[1], 'stumbles keeps', 'a conversation begins at the second channel');
is((talk([ 'X-Claude-Code-Session-Id' => 'another' ]))[1], 'stumbles', 'another one at the first');

# An orderly stop: everything to the last request.
ask();
$before = essence();
my $born = status()->{since};
$server->stop;
$server->start or BAIL_OUT('no server');
is_deeply essence(), $before, 'stop and start: all as it was';
is status()->{since}, $born, 'stop and start: since the same time';
upstream_reset();
ask() for 1 .. 3;
is_deeply [ way() ], [ ('serves') x 3 ], 'stop and start: and it is acted upon';

is((talk([]))[1], 'stumbles keeps', 'stop and start: the first choice has failed, and is well again');
is((talk(\@session))[1], 'keeps', 'stop and start: the conversation stays');
is((talk(@follow))[1], 'keeps', 'stop and start: the thread is gone on with where it is');
unlike do { local (@ARGV, $/) = $file; <> }, qr/a-talk-of-mine|\Q$opened->{json}{id}/, 'neither is named in the file';

# Tables of another size take them along.
$server->configure(conf(more => "ClaudeAffinityTableSize 64\nClaudeThreadTableSize 65536"));
ok $server->graceful, 'graceful, tables of another size';
is((talk(\@session))[1], 'keeps', 'graceful, tables of another size: the conversation stays');
is((talk(@follow))[1], 'keeps', 'graceful, tables of another size: so does the thread');

# A parent that is killed with its children: what the last file held.
my $n = status()->{protocols}{messages}{requests};
sleep 2.5;
my @children = $server->children;
kill KILL => @children;
$server->stop('KILL');
ok wait_for(5, sub { !$server->is_up }), 'killed';
kill KILL => grep { kill 0 => $_ } @children;
$server->start or BAIL_OUT('no server');
is status()->{protocols}{messages}{requests}, $n, 'kill and start: the last snapshot';
is channel('broken')->{circuit}{state}, 'open', 'kill and start: the circuit is open';
is scalar(grep { $_->{in_flight} } @{ status()->{children} }), 0, 'kill and start: nothing is in flight';

# Another size: what there is moves over.
$n = status()->{protocols}{messages}{requests};
$server->stop;
$server->configure(conf(more => 'ClaudeTableSize channels=128 models=16 users=512'));
$server->start or BAIL_OUT('no server');
is status()->{protocols}{messages}{requests}, $n, 'another size: the same numbers';
is status()->{tables}{channels}{rows}, 128, 'another size: in more rows';
is channel('broken')->{circuit}{state}, 'open', 'another size: the circuit is open';

# A file that is damaged costs its content and nothing else.
$server->stop;
{
    open my $fh, '+<', $file or die "$file: $!\n";
    binmode $fh;
    seek $fh, -200, 2;
    print {$fh} 'x' x 100;
    close $fh;
}
$server->start or BAIL_OUT('no server');
is ask()->{status}, 200, 'damaged: the server serves';
is status()->{protocols}{messages}{requests}, 1, 'damaged: it begins anew';
ok -e "$file.bad", 'damaged: the file is kept aside';
is scalar(() = $server->error_log =~ /CLP2114/g), 1, 'damaged: told once';

# Without mod_watchdog it would be written at the stop; so it is when nothing else does.
$server->stop;
$server->configure(conf(more => 'ClaudeSnapshotInterval Off'));
unlink $file;
$server->start or BAIL_OUT('no server');
ask();
sleep 2;
ok !-e $file, 'ClaudeSnapshotInterval Off: nothing is written meanwhile';
$server->stop;
ok -s $file, 'ClaudeSnapshotInterval Off: but at the end';
unlike $server->error_log, qr/key-\d/, 'no key is in the log';
done_testing;
