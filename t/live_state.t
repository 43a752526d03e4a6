#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Channels that come with channels.json have state like those of the configuration:
# circuits, limits, promotion, counters; and give it up to others when they are gone.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $file = logs_dir() . '/state/channels.json';
my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';
my $revision = 0;
my $without_row = () = log_lines(qr/CLP2117/);

sub put_channels {
    my (%channels) = @_;
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    chmod 0600, "$file.new";
    print {$fh} encode({ version => 1, revision => ++$revision, channels => \%channels });
    close $fh or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    return;
}

sub live_channel {
    my ($url, %more) = @_;
    return { serviceType => 'claude', baseUrls => ["$upstream/$url"], apiKeys => ['live-state-key'], models => ['live-*'],
        priority => 5, %more };
}

sub status { return request(vhost => 'scheduler', path => '/status')->{json} }

sub channel {
    my ($name) = @_;
    my ($c) = grep { $_->{name} eq $name } @{ status()->{channels} };
    return $c;
}

# In all children, for any of them may answer: each tells what it has.
sub in_force {
    my ($name) = @_;
    return wait_for(10, sub {
        my $s = status();
        return if grep { $_->{revision} != $revision } @{ $s->{children} };
        my ($c) = grep { $_->{name} eq $name } @{ $s->{channels} };
        return $c && { row => $c->{circuit} };
    });
}

# Who was asked, request by request.
sub serve {
    my ($n) = @_;
    upstream_reset();
    post('main', '/v1/messages', messages_body('live-model', "request $_")) for 1 .. $n;
    return [ map { $_->{path} =~ m{/at/([\w-]+)} } upstream_log() ];
}

my %fails = ('live-fails' => live_channel('live-fails/use/always+500', priority => 1,
    breaker => { window => 3, min => 3, percent => 50, open => '1h', probe => '2m' }));
my %serves = ('live-serves' => live_channel('live-serves', priority => 2));

put_channels(%fails, %serves);
ok in_force('live-serves')->{row}, 'a channel of the overlay has a row';
is_deeply serve(3), [ ('live-fails', 'live-serves') x 3 ], 'one that fails is tried';
is channel('live-fails')->{circuit}{state}, 'open', 'until its circuit opens';
is channel('live-fails')->{keys}[0]{upstream_attempts}{server_error}, 3, 'its key counts';
is_deeply serve(8), [ ('live-serves') x 8 ], 'all children leave it alone';
is channel('live-serves')->{protocols}{messages}{results}{success}, 11, 'requests are counted where they ended';

# Whatever else changes.
put_channels(%fails, %serves, 'live-seldom' => live_channel('live-seldom', priority => 1, limits => { requests => 2 }));
ok in_force('live-seldom')->{row}, 'another channel comes';
is_deeply serve(4), [qw(live-seldom live-seldom live-serves live-serves)], 'with a limit that all children share';
my @soon = gmtime(time + 3600);
my $until = sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $soon[5] + 1900, $soon[4] + 1, @soon[ 3, 2, 1, 0 ];
put_channels(%fails, 'live-serves' => { %{ $serves{'live-serves'} }, promotion => { until => $until } },
    'live-seldom' => live_channel('live-seldom', priority => 1));
ok wait_for(5, sub { serve(6) && "@{ serve(20) }" eq join ' ', ('live-serves') x 20 }), 'a promotion takes effect in all children';
is channel('live-fails')->{circuit}{state}, 'open', 'and the circuit is still open';

# Many come and go: their rows serve again, and who stays keeps what it has.
my $rows = status()->{tables};
my $room = $rows->{channels}{rows} - @{ status()->{channels} };
my $came = 0;
while ($came <= $rows->{keys}{rows}) {
    my @names = map { 'brief-' . ($came + $_) } 1 .. $room;
    put_channels(%fails, %serves, map { $_ => live_channel($_, models => ['brief']) } @names);
    $came += @names;
    my $last = in_force($names[-1]);
    ok $last && $last->{row}, "channel $came has a row" or last;
}
my $after = status();
is $after->{tables}{channels}{used}, $rows->{channels}{rows}, 'all rows are used';
is scalar(grep { !$_->{circuit} } @{ $after->{channels} }), 0, 'and every channel has one';
is channel('live-fails')->{circuit}{state}, 'open', 'the open circuit has outlived them';
is_deeply serve(4), [ ('live-serves') x 4 ], 'and is minded';

# A graceful restart.
my $before = channel('live-serves')->{protocols}{messages}{requests};
my %old = map { $_ => 1 } children();
kill USR1 => server_pid();
ok wait_for(10, sub { my @now = children(); @now >= 3 && !grep { $old{$_} } @now }), 'graceful: new children';
ok in_force('live-serves')->{row}, 'graceful: the overlay is in force';
is channel('live-fails')->{circuit}{state}, 'open', 'graceful: the circuit is open';
is channel('live-serves')->{protocols}{messages}{requests}, $before, 'graceful: nothing is forgotten';
is_deeply serve(4), [ ('live-serves') x 4 ], 'graceful: it is minded';

unlink $file or die "$file: $!\n";
ok wait_for(5, sub { !channel('live-serves') }), 'without the file they are gone';
is scalar(() = log_lines(qr/CLP2117/)), $without_row, 'there was room at all times';
is status()->{ledger}{skipped}, 0, 'every result could be entered';
done_testing;
