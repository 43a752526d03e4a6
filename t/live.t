#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# channels.json in the state directory: taken into use by every child within a
# second, whoever wrote it; what cannot be used changes nothing.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $file = logs_dir() . '/state/channels.json';
my $at = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';
my $revision = 0;

# Put a document in the file's place, as editors do: aside, then renamed.
sub put {
    my ($text) = @_;
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    chmod 0600, "$file.new";
    print {$fh} $text;
    close $fh or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    return;
}

sub put_channels {
    my (%channels) = @_;
    put(encode({ version => 1, revision => ++$revision, channels => \%channels }));
    return;
}

sub live_channel {
    my ($name) = @_;
    return { serviceType => 'claude', baseUrls => ["$at/$name"], apiKeys => ["planted-live-key-$name"],
        models => ['live-*'], priority => 5 };
}

# Statuses of requests on connections of their own, so that all children are asked.
sub statuses {
    my ($model, $n) = @_;
    my %seen;
    $seen{ post('main', '/v1/messages', messages_body($model))->{status} }++ for 1 .. $n;
    return join ' ', map { "$_ x $seen{$_}" } sort keys %seen;
}

# Everybody gives this status within a second (and a bit, for a busy machine).
sub everybody {
    my ($model, $status, $name) = @_;
    my $began = time;
    ok wait_for(5, sub { statuses($model, 30) eq "$status x 30" }), $name;
    note sprintf '%s: %.2f s', $name, time - $began;
    return;
}

is statuses('live-model', 1), '200 x 1', 'before: the configured channel serves every model';
put_channels(main => { models => [ 'other-*', 'script:*' ] }, new => live_channel('new'));
ok wait_for(1.5, sub { upstream_reset(); statuses('live-model', 1) && (upstream_log())[0]{path} =~ m{/at/new/} }),
    'a new channel is in use within a second';
everybody('live-model', 200, 'all children have it');
everybody('else', 404, 'and the override of the configured one');

# A request that began before keeps what it began with.
my $client = ClaudeTest::Client->open_to(hostport('main'));
$client->send_request(method => 'POST', path => '/v1/messages', headers => [ 'Content-Type' => 'application/json' ],
    body => encode(messages_body('script:streams/slow-then-done', 'x', stream => JSON::PP::true())));
ok wait_for(3, sub { grep { /slow-then-done/ } map { $_->{model} // '' } upstream_log() }), 'a stream runs';
put_channels(main => { status => 'suspended' });
everybody('live-model', 529, 'a suspended channel is asked no more');
my $stream = $client->receive;
is $stream->{status}, 200, 'the stream that ran goes on';
is $stream->{events}[-1]{event}, 'message_stop', 'to its end';
$client->shut;
put_channels();
everybody('live-model', 200, 'an empty overlay leaves the configuration');

# Lists of models are kept for a while, but not longer than the channels that they are of.
my $refused = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{refused};
my %stale;
for my $n (1 .. 8) {
    put_channels('lists-second-live' => { %{ live_channel('listed') }, baseUrls => [$refused], models => ["listed-$n"] });
    ok wait_for(5, sub { !grep { $_->{revision} != $revision } @{ request(vhost => 'scheduler', path => '/status')->{json}{children} } }),
        "all children have revision $revision";
    for (1 .. 12) {
        my @listed = grep { /^listed-/ } map { $_->{id} } @{ request(vhost => 'lists', path => '/cached/v1/models')->{json}{data} };
        $stale{"@listed for listed-$n"}++ if "@listed" ne "listed-$n";
    }
}
is join(', ', sort keys %stale), '', 'every list of models is that of the channels in force';

# What cannot be used.
expect_log('CLP2401: .*/state/channels\.json: ');
my %broken = (
    'half a document'    => '{"version":1,"revision":9,"channels":{"main":{"status":"susp',
    'an unknown setting' => encode({ version => 1, revision => 9, channels => { main => { stauts => 'suspended' } } }),
    'an incomplete channel' =>
        encode({ version => 1, revision => 9, channels => { main => { status => 'suspended' }, x => {} } }),
    'a key in a file' => encode({ version => 1, revision => 9,
        channels => { main => { status => 'suspended', keysAdded => ['file:/etc/passwd'] } } }),
    'a byte more than 4 MiB' => sprintf('%-*s', 4 * 1024 * 1024 + 1,
        encode({ version => 1, revision => 9, channels => { main => { status => 'suspended' } } })),
    'a file of TLS' => encode({ version => 1, revision => 9,
        channels => { main => { status => 'suspended', tlsCAFile => '/etc/passwd' } } }),
);
for my $what (sort keys %broken) {
    my $lines = log_lines(qr/CLP2401/);
    put($broken{$what});
    ok wait_for(3, sub { log_lines(qr/CLP2401/) > $lines }), "$what: told in the log";
    is statuses('live-model', 10), '200 x 10', "$what: nothing changed";
}
put_channels(main => { status => 'suspended' });
chmod 0644, $file;
ok wait_for(3, sub { log_lines(qr/may be read by everyone/) }), 'a file that everyone may read is refused';
is statuses('live-model', 10), '200 x 10', 'and changes nothing';

put_channels(main => { models => ['other-*'] });
everybody('live-model', 404, 'a good one after bad ones is taken');
unlink $file or die "$file: $!\n";
everybody('live-model', 200, 'no file, no overlay');
ok !log_lines(qr/planted-live-key/), 'keys stay out of the log';

done_testing;
