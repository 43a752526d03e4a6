#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Health checks by one child for all: they open a circuit without any request,
# and close it again. The channel comes by the overlay, so that other tests are not disturbed.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(time);

my $file = logs_dir() . '/state/channels.json';
my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream};

sub put_channels {
    my (%channels) = @_;
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    chmod 0600, "$file.new";
    print {$fh} encode({ version => 1, revision => int time, channels => \%channels });
    close $fh or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    return;
}

END { unlink $file if defined $file }

sub channel {
    my ($c) = grep { $_->{name} eq 'checked' } @{ request(vhost => 'scheduler', path => '/status')->{json}{channels} };
    return $c;
}

sub asked { return grep { $_->{path} =~ m{/at/checked/} } upstream_log() }

upstream_reset();
my $began = time;
put_channels(checked => { serviceType => 'claude', baseUrls => ["$upstream/at/checked/use/scheduler+check"],
    apiKeys => ['planted-check-key'], models => ['checked-*'],
    healthCheck => { interval => '1s', path => '/models', fall => 2, rise => 1 } });
ok wait_for(25, sub { my $c = channel(); $c && $c->{circuit}{state} eq 'open' }), 'two checks that fail open the circuit'
    or diag explain channel();
is_deeply channel()->{upstream_attempts}, {}, 'checks are no attempts of requests';
is channel()->{health_check}{ok}, JSON::PP::false(), 'status tells what was found';
ok wait_for(10, sub { channel()->{circuit}{state} eq 'closed' }), 'one that succeeds closes it';
is channel()->{health_check}{ok}, JSON::PP::true(), 'status tells that too';
my @asked = asked();
cmp_ok scalar @asked, '>=', 3, 'three checks were made';
cmp_ok scalar @asked, '<=', 2 + time - $began, 'by one child, not by each';
is $asked[0]{method}, 'GET', 'a question that costs nothing';
like $asked[0]{path}, qr{/v1/models$}, 'for the list of models';
is header_of($asked[0], 'x-api-key'), 'planted-check-key', 'with the first key';
ok log_lines(qr/CLP2130: channel checked: health check: server_error \(status 500\).*circuit open/), 'the log says when it opened';
ok log_lines(qr/CLP2130: channel checked: health check: success \(status 200\).*circuit closed/), 'and when it closed';
ok !log_lines(qr/planted-check-key/), 'without the key';

put_channels();
ok wait_for(5, sub { !channel() }), 'the channel is gone';
my $n = asked();
sleep 2;
is scalar asked(), $n, 'and is asked no more';
done_testing;
