#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Health checks in the running server: one child asks, all act on what it finds, and
# another goes on when it dies.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $file = logs_dir() . '/state/channels.json';
my $upstream = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';

sub put_channels {
    my (%channels) = @_;
    open my $fh, '>', "$file.new" or die "$file.new: $!\n";
    chmod 0600, "$file.new";
    print {$fh} encode({ version => 1, revision => 1, channels => \%channels });
    close $fh or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    return;
}

sub checked {
    my ($url, %check) = @_;
    return { serviceType => 'claude', baseUrls => ["$upstream/$url"], apiKeys => ['health-key'], models => ['health-*'],
        priority => 1, healthCheck => { interval => '1s', timeout => '5s', fall => 2, rise => 1, %check } };
}

sub status { return request(vhost => 'scheduler', path => '/status')->{json} }

sub channel {
    my ($name) = @_;
    my ($c) = grep { $_->{name} eq $name } @{ status()->{channels} };
    return $c;
}

# Checks of a channel that its upstream has seen.
sub checks {
    my ($name) = @_;
    return grep { $_->{path} =~ m{^/at/\Q$name\E[/?]} } upstream_log();
}

upstream_reset();
my $requests = status()->{protocols};
put_channels(
    recovers => checked('recovers/use/scheduler+check'),
    dead     => checked('dead/use/always+500'),
    asked    => checked('asked', request => 'cheap-model'),
);
ok wait_for(10, sub { my $c = channel('dead'); $c && $c->{circuit}{state} eq 'open' }), 'failures in a row open the circuit';
ok wait_for(10, sub { my $c = channel('recovers'); $c->{circuit}{trips} == 1 && $c->{circuit}{state} eq 'closed' }),
    'and a success closes it, long before its time is over' or diag explain channel('recovers')->{circuit};
ok channel('recovers')->{health_check}{ok}, 'status: the last one was a success';
cmp_ok channel('dead')->{health_check}{in_a_row}, '>=', 2, 'status: or one of so many failures';
ok !channel('dead')->{health_check}{ok}, 'status: likewise';

ok log_lines(qr/CLP2130: channel recovers: health check: server_error \(status 500\).*circuit open/), 'the log says when it opened';
ok log_lines(qr/CLP2130: channel recovers: health check: success \(status 200\).*circuit closed/), 'and when it closed';
ok !log_lines(qr/health-key/), 'without the key';

my ($check) = checks('recovers');
is "$check->{method} $check->{path}", 'GET /at/recovers/use/scheduler+check/v1/models', 'the list of models is asked for';
is header_of($check, 'x-api-key'), 'health-key', 'with the key';
ok wait_for(5, sub { scalar checks('asked') }), 'or a model is';
($check) = checks('asked');
is "$check->{method} $check->{path}", 'POST /at/asked/v1/messages', 'by a request';
is decode(body_of($check))->{max_tokens}, 1, 'for one token';
is decode(body_of($check))->{model}, 'cheap-model', 'of that model';

# One child of all, at the pace that was said.
{
    my $before = scalar checks('dead');
    my $began = time;
    ok wait_for(10, sub { checks('dead') >= $before + 2 }), 'checks go on';
    my $n = scalar(checks('dead')) - $before;
    my $took = time - $began;
    cmp_ok $n, '<=', $took + 1, sprintf 'and one child makes them: %d in %.1f s', $n, $took;
}
upstream_reset();
is post('main', '/v1/messages', messages_body('health-model'))->{status}, 200, 'a request';
is scalar(grep { $_->{path} =~ m{/at/dead/.*messages} } upstream_log()), 0, 'does not go where checks fail';

# Whoever checks may die.
{
    expect_log('child pid \d+ exit signal Killed', 'AH00052');
    for my $pid (children()) {
        kill KILL => $pid;
        ok wait_for(10, sub { !kill(0 => $pid) }), 'a child is killed';
        sleep 0.5;
    }
    upstream_reset();
    ok wait_for(15, sub { checks('dead') >= 2 }), 'others check on';
    ok wait_for(5, sub { channel('dead')->{circuit}{state} eq 'open' }), 'and the circuit is still open';
}

# They are no requests.
my $after = status()->{protocols};
my $more = 0;
$more += $after->{$_}{requests} - $requests->{$_}{requests} for keys %$after;
is $more, 1, 'checks are not counted as requests';
is channel('asked')->{upstream_attempts}{success}, 1, 'nor as attempts: there was one, that of the request';

put_channels();
ok wait_for(5, sub { !channel('dead') }), 'the channels go';
sleep 1;
upstream_reset();
sleep 2.5;
is scalar(upstream_log()), 0, 'and with them their checks';
unlink $file or die "$file: $!\n";
done_testing;
