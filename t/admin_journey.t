#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# The first day of a new administrator, from a server without any channel on, over the admin API alone:
# add a channel and a key, promote, see a channel break, resume, reorder, restart, remove.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Server;
use Digest::SHA qw(sha256_hex);
use Test::More;

my $at = 'http://127.0.0.1:' . ClaudeTest::Run::ports()->{upstream} . '/at';
my $server = ClaudeTest::Server->new('journey', ClaudeTest::Server::modules('authz_user') . <<'END');
ServerLimit 3
StartServers 3
ThreadsPerChild 4
MaxRequestWorkers 12
MinSpareThreads 1
MaxSpareThreads 12
ClaudeStateDir state
ClaudeProxy On
ClaudeRequireUser Off
ClaudeRetryWait Off
ClaudeAffinity Off
<Location /manage>
    ClaudeProxy Off
    SetHandler claude-admin
    ClaudeRequireUser On
    AuthType ClaudeKey
    AuthName admin
    Require user ops
    ClaudeAccessKey ops ops-key
</Location>
<Location /status>
    ClaudeProxy Off
    SetHandler claude-status
</Location>
END

my $revision = 0;    # after the last change

sub id_of { return substr sha256_hex($_[0]), 0, 16 }

# A call of the API, which is to succeed; gives the document.
sub manage {
    my ($method, $path, $body) = @_;
    my $r = request(hostport => $server->hostport, method => $method, path => "/manage/api/$path",
        headers => [ 'X-Api-Key' => 'ops-key', 'Content-Type' => 'application/json' ],
        defined $body ? (body => encode($body)) : ());
    like $r->{status}, qr/^20[01]$/, "$method $path" or diag $r->{body};
    $revision = $r->{json}{revision} if $method ne 'GET' && ref $r->{json} eq 'HASH' && $r->{json}{revision};
    return $r->{json};
}

# `n` requests on connections of their own; gives "STATUS ..." and for each attempt "CHANNEL/KEY".
sub ask {
    my ($n) = @_;
    upstream_reset();
    my @status = map {
        request(hostport => $server->hostport, method => 'POST', path => '/v1/messages',
            headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('m', 'go')))->{status}
    } 1 .. $n;
    return ("@status", join ' ', map { ($_->{path} =~ m{/at/([\w-]+)})[0] . '/' . header_of($_, 'x-api-key') } upstream_log());
}

sub status { return request(hostport => $server->hostport, path => '/status')->{json} }

sub status_of {
    my ($name) = @_;
    my ($c) = grep { $_->{name} eq $name } @{ status()->{channels} };
    return $c;
}

# All children have what was changed last.
sub everywhere {
    return wait_for(5, sub {
        my @children = @{ status()->{children} };
        @children == 3 && !grep { $_->{revision} < $revision } @children;
    });
}

sub all_use {
    my ($way, $what) = @_;
    ok everywhere(), 'all children follow';
    is_deeply [ ask(9) ], [ join(' ', (200) x 9), join ' ', ($way) x 9 ], $what;
    return;
}

sub explained {
    my %way = map { $_->{channel} => $_->{obstacle} // $_->{pick} } @{ manage(POST => 'route', {})->{channels} };
    return \%way;
}

$server->start or BAIL_OUT('no server');

# --- add -------------------------------------------------------------------------------
is +(ask(1))[0], 529, 'a server without a channel has nobody to ask';
is_deeply manage(GET => 'channels'), { revision => 0, channels => [] }, 'there is none';
my %like = (serviceType => 'claude', breaker => { window => 3, min => 3, open => '1h' });
manage(POST => 'channels', { %like, name => 'first', baseUrls => ["$at/first"], apiKeys => ['key-a'], priority => 1 });
all_use('first/key-a', 'the first channel serves');
manage(POST => 'channels', { %like, name => 'second', baseUrls => ["$at/second"], apiKeys => ['key-b'], priority => 2 });
manage(POST => 'channels/first/keys', { apiKey => 'key-c' });
manage(POST => 'channels/first/keys/' . id_of('key-c') . '/top');
all_use('first/key-c', 'with its new key, which is on top');

# --- promote -----------------------------------------------------------------------------
my $until = manage(POST => 'channels/second/promotion', { duration => 300 })->{promotionUntil};
all_use('second/key-b', 'the promoted channel goes first');
is_deeply explained(), { second => 'promotion', first => 'priority' }, '... for that reason';
is status_of('second')->{promoted_until}, $until, '... as the status says';
is manage(POST => 'channels/second/promotion', { duration => 0 })->{promotionUntil}, undef, 'it ends';
all_use('first/key-c', '... and the order is as before');

# --- break, and resume -----------------------------------------------------------------------
manage(PATCH => 'channels/first', { baseUrls => ["$at/first/use/scheduler+three-fail"] });
ok everywhere(), 'all children follow';
is_deeply [ ask(9) ], [ join(' ', (200) x 9), join ' ', qw(first/key-c second/key-b) x 2, ('second/key-b') x 7 ],
    'a channel breaks, and is left alone';
is status_of('first')->{circuit}{state}, 'open', '... its circuit is open';
is_deeply explained(), { second => 'priority', first => 'tripped' }, '... as the dry run says';
my ($metrics) = grep { $_->{channelName} eq 'first' } @{ manage(GET => 'channels/metrics') };
ok $metrics->{circuitBroken}, '... and the metrics';
manage(PATCH => 'channels/first', { baseUrls => ["$at/first"] });
all_use('second/key-b', 'it is mended, but who knows?');
my $resumed = manage(POST => 'channels/first/resume');
is_deeply $resumed->{reset}, { circuits => 1, keys => 0, rest => JSON::PP::false() }, 'the administrator does';
all_use('first/key-c', '... and all use it at once');
is status_of('first')->{upstream_attempts}{server_error}, 2, '... its failures stay counted';

# A key that shall rest for an hour, since its provider said so.
manage(PATCH => 'channels/first', { baseUrls => ["$at/first/use/scheduler+busy-for-an-hour"] });
ok everywhere(), 'all children follow';
is +(ask(1))[1], 'first/key-c first/key-a', 'a key is told to come back later';
manage(PATCH => 'channels/first', { baseUrls => ["$at/first"] });
all_use('first/key-a', '... and rests');
is manage(POST => 'channels/first/keys/' . id_of('key-c') . '/resume')->{reset}{keys}, 1, 'it is resumed';
all_use('first/key-c', '... and used by all at once');

# --- order, keys, suspension --------------------------------------------------------------------
manage(POST => 'channels/reorder', { order => [qw(second first)] });
all_use('second/key-b', 'another order');
manage(PATCH => 'channels/second/status', { status => 'suspended' });
manage(POST => 'channels/first/keys/' . id_of('key-c') . '/disable');
all_use('first/key-a', 'without a channel, and without a key');

# --- a stop, and a start ---------------------------------------------------------------------------
my $before = manage(GET => 'config');
$server->stop;
$server->start or BAIL_OUT('no server');
is_deeply manage(GET => 'config'), $before, 'after a restart all is as it was';
all_use('first/key-a', '... and serves so');
like manage(POST => 'channels/second/resume')->{message}, qr/active again/, 'the suspended channel is resumed';
all_use('second/key-b', '... and serves');

# --- remove ------------------------------------------------------------------------------------------
ok manage(DELETE => 'channels/second')->{removed}, 'a channel is removed';
all_use('first/key-a', '... and serves no more');
manage(DELETE => 'channels/first');
ok everywhere(), 'all children follow';
is_deeply [ ask(3) ], [ '529 529 529', '' ], 'without the last one there is nobody to ask';
is_deeply manage(GET => 'channels')->{channels}, [], 'and nothing is left';
is_deeply [ $server->error_log =~ /:(?:error|crit|alert|emerg)\].*/g ], [], 'all of it without an error in the log';
unlike $server->error_log, qr/key-[abc]\b/, 'and without a key';
done_testing;
