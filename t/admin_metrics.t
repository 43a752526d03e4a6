#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What the admin API tells of how channels and keys do is what was sent, in every child.
use strict;
use warnings;

use ClaudeTest;
use ClaudeTest::Schema qw(misfits);
use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

my $true = JSON::PP::true();
my @counts = qw(requestCount successCount failureCount abortedCount clientErrorCount);
my @tokens = qw(inputTokens outputTokens cacheReadTokens cacheCreationTokens reasoningTokens);
my ($one, $two) = map { substr sha256_hex("figures-key-$_-0123456789"), 0, 16 } qw(one two);
my $api = request(vhost => 'figures', path => '/manage/api/openapi.json')->{json};

# What stands at a path. The first answer of each has to be as the document says.
my %looked_at;

sub at {
    my ($path) = @_;
    my $r = request(vhost => 'figures', path => "/manage$path");
    is $r->{status}, 200, "GET $path" or diag $r->{body};
    my $known = $path =~ s/\?.*//r =~ s{(?<=/)figures-\w+}{\{name\}}r =~ s{/api/(?:messages|gemini)/}{/api/}r;
    if (!$looked_at{$known}++) {
        my $schema = $api->{paths}{$known}{get}{responses}{200}{content}{'application/json'}{schema} || {};
        ok scalar(keys %$schema), "$known is described";
        is_deeply [ misfits($r->{json}, $schema, $api) ], [], '... and is as described';
    }
    return $r->{json};
}

sub named {
    my ($list, $name) = @_;
    my ($found) = grep { ($_->{channelName} // $_->{name} // $_->{id}) eq $name } @$list;
    return $found;
}

sub flat {
    my ($h, @members) = @_;
    return join ', ', map { "$_ $h->{$_}" } @members;
}

# Sums over data points or segments.
sub sums {
    my ($points) = @_;
    my %sum = map { $_ => 0 } @counts, @tokens;
    for my $point (@$points) {
        $sum{$_} += $point->{$_} // 0 for keys %sum;
    }
    return \%sum;
}

# Whatever is counted of both channels, everywhere that it is told.
sub everything {
    my %step = ('15m' => '5m', '1h' => '20m', '6h' => '3h', '24h' => '12h', '7d' => '1d');
    my %history = map { ($_ => at("/api/channels/metrics/history?duration=$_&interval=$step{$_}")) } keys %step;
    my $board = at('/api/channels/dashboard');
    my %told;
    for my $name (qw(figures-one figures-two)) {
        my $metrics = named($board->{metrics}, $name);
        my $keys = at("/api/channels/$name/keys/metrics/history?duration=24h")->{keys};
        $told{$name} = {
            metrics => $metrics,
            (map { ("window $_" => $metrics->{timeWindows}{$_}) } qw(15m 1h 6h 24h)),
            (map { ("history $_" => sums(named($history{$_}, $name)->{dataPoints})) } keys %history),
            recent => sums(named($board->{recentActivity}, $name)->{segments}),
            keys => sums([ map { @{ $_->{dataPoints} } } @$keys ]),
            'by key' => sums($metrics->{keyMetrics}),
        };
    }
    return ($board, @told{qw(figures-one figures-two)});
}

# How much more that is than before.
sub growth {
    my ($before, $now, @members) = @_;
    return join ', ', map { "$_ " . (($now->{$_} // 0) - ($before->{$_} // 0)) } @members;
}

# --- before ----------------------------------------------------------------------
my (undef, $before, $other) = everything();
my $global = at('/api/global/stats/history');
my $affinity = at('/api/affinity');
if (!$before->{metrics}{requestCount}) {
    is $before->{metrics}{successRate}, undef, 'no request is no rate';
    is $before->{metrics}{errorRate}, undef, '... of errors either';
    is $before->{metrics}{timeWindows}{'24h'}{cacheHitRate}, undef, '... nor of a cache';
    is $before->{metrics}{lastSuccessAt}, undef, '... and no success';
    is $before->{metrics}{duration}{p50Ms}, undef, '... and no time';
}
my $began = int time;

# --- known traffic ---------------------------------------------------------------
post('figures', '/v1/messages', messages_body('m', "hello $_", metadata => { user_id => "figures-user-$_-$$" })) for 1 .. 3;
post('figures', '/v1/messages', messages_body('m', 'hello', stream => $true));
post('figures', '/v1/messages', messages_body('script:always/500', 'x'));
post('figures', '/v1/messages', messages_body('script:refusals/400', 'x'));
post('figures', '/v1/messages', messages_body('script:always/401', 'x'));    # with both keys
{
    my $client = ClaudeTest::Client->open_to(hostport('figures'));
    $client->send_request(method => 'POST', path => '/v1/messages', headers => [ 'Content-Type' => 'application/json' ],
        body => encode(messages_body('script:streams/hang-middle', 'x', stream => $true)));
    $client->receive(until => sub { $_[0] =~ /first / }, timeout => 5);
    my $now = named(at('/api/channels/metrics'), 'figures-one');
    is $now->{activeRequests}, 1, 'one that runs';
    is named($now->{keyMetrics}, $one)->{activeRequests}, 1, '... with the first key';
    is at('/api/channels/figures-one')->{state}{activeRequests}, 1, '... as the channel shows';
    $client->shut;
}
post('figures', '/second/v1/responses', { model => 'm', input => 'hello', store => JSON::PP::false(), reasoning => { effort => 'high' } })
    for 1 .. 2;
ok wait_for(5, sub { at('/api/channels/figures-one')->{state}{activeRequests} == 0 }), 'all have ended';

# --- the numbers ---------------------------------------------------------------------
my $attempts = 'requestCount 9, successCount 4, failureCount 3, abortedCount 1, clientErrorCount 1';
my $used = 'inputTokens 83, outputTokens 29, cacheReadTokens 20, cacheCreationTokens 12, reasoningTokens 0';
my ($board, $now, $second) = everything();
for my $where (sort keys %$now) {
    my @told = $where eq 'recent' ? @counts[ 0 .. 2 ] : @counts;
    my $want = $where eq 'recent' ? $attempts =~ s/, aborted.*//r : $attempts;
    is growth($before->{$where}, $now->{$where}, @told), $want, "$where: what was sent";
    next if $where =~ /^(?:metrics|by key)$/;
    @told = $where eq 'recent' ? @tokens[ 0, 1 ] : @tokens;
    $want = $where eq 'recent' ? $used =~ s/, cache.*//r : $used;
    is growth($before->{$where}, $now->{$where}, @told), $want, "$where: tokens";
}
is growth($other->{$_}, $second->{$_}, @tokens),
    'inputTokens 46, outputTokens 14, cacheReadTokens 10, cacheCreationTokens 0, reasoningTokens 8',
    "another channel, $_" for 'window 1h', 'history 24h', 'keys';

my $metrics = $now->{metrics};
if (!$before->{metrics}{requestCount}) {
    is $metrics->{successRate}, 57.14, 'rate: 4 of 7; what the client did says nothing';
    is $metrics->{errorRate}, 42.86, '... the rest of it';
    is $metrics->{timeWindows}{'1h'}{successRate}, 57.14, '... in a window';
    is $metrics->{timeWindows}{'1h'}{cacheHitRate}, 17.39, 'cache: 20 of 115 tokens of prompts';
    is flat(named($metrics->{keyMetrics}, $one), @counts),
        'requestCount 8, successCount 4, failureCount 2, abortedCount 1, clientErrorCount 1', 'the first key';
    is flat(named($metrics->{keyMetrics}, $two), @counts),
        'requestCount 1, successCount 0, failureCount 1, abortedCount 0, clientErrorCount 0', 'the second key';
    is named($metrics->{keyMetrics}, $two)->{successRate}, 0, '... never succeeded';
    is $metrics->{duration}{requestCount}, 8, 'times: of requests, that ended here';
    is $metrics->{firstToken}{requestCount}, 2, '... to the first token: of streams';
    is_deeply [ map { $_->{id} } @{ $metrics->{keyMetrics} } ], [ $one, $two ], 'keys by their id';
}
is $metrics->{consecutiveFailures}, 3, 'failures in a row, one and two';
for my $when (qw(lastSuccessAt lastFailureAt)) {
    my ($h, $m, $s) = $metrics->{$when} =~ /^\d{4}-\d\d-\d\dT(\d\d):(\d\d):(\d\d)Z$/;
    my $ago = (time - (($h * 60 + $m) * 60 + $s)) % 86400;
    cmp_ok $ago, '<=', time - $began + 1, "$when: just now";
}
my $all = at('/api/global/stats/history');
cmp_ok $all->{summary}{totalRequests} - $global->{summary}{totalRequests}, '>=', 11, 'all channels together';
cmp_ok $all->{summary}{totalReasoningTokens} - $global->{summary}{totalReasoningTokens}, '>=', 8, '... tokens';
is sums($all->{dataPoints})->{$_->[0]}, $all->{summary}{$_->[1]}, "... the sum of its points: $_->[0]"
    for [ requestCount => 'totalRequests' ], [ successCount => 'totalSuccess' ], [ failureCount => 'totalFailure' ],
    [ outputTokens => 'totalOutputTokens' ];

# --- steps -------------------------------------------------------------------------------
my $hour = named(at('/api/channels/metrics/history?duration=1h&interval=20m'), 'figures-one');
is $hour->{intervalSeconds}, 1200, 'a step as asked for';
is scalar @{ $hour->{dataPoints} }, 3, '... so many';
like $_->{timestamp}, qr/:[024]0:00Z$/, '... at a whole multiple' for @{ $hour->{dataPoints} };
is scalar @{ named(at('/api/channels/metrics/history'), 'figures-one')->{dataPoints} }, 96, 'a day by 15 minutes if nothing is said';
is scalar @{ named(at("/api/channels/figures-one/keys/metrics/history")->{keys}, $one)->{dataPoints} }, 24, 'a key: six hours';
cmp_ok scalar @{ at('/api/global/stats/history?duration=today')->{dataPoints} }, '>=', 1, 'today';
is scalar @{ at('/api/global/stats/history?duration=7d')->{dataPoints} }, 168, 'a week by the hour';

# --- one call for a page ---------------------------------------------------------------------
is_deeply named($board->{channels}, 'figures-one'), at('/api/channels/figures-one'), 'the page has the channel as it is shown';
is_deeply named($board->{metrics}, 'figures-one'), $metrics, '... its metrics';
my $recent = named($board->{recentActivity}, 'figures-one');
is scalar @{ $recent->{segments} }, 150, '... and what it did for a quarter of an hour';
is $recent->{rpm}, int(100 * sums($recent->{segments})->{requestCount} / 15) / 100, 'requests per minute';
is $recent->{tpm}, int(100 * sums($recent->{segments})->{outputTokens} / 15) / 100, 'tokens per minute';
is $board->{loadBalance}, 'random', '... with the strategy';

# --- what is no request for an answer
post('figures', '/v1/messages/count_tokens', { model => 'm', messages => [ { role => 'user', content => 'x' } ] });
{
    my $then = named(at('/api/channels/metrics'), 'figures-one');
    is $then->{requestCount}, $metrics->{requestCount} + 1, 'an attempt that counts tokens is one';
    is $then->{timeWindows}{'1h'}{requestCount}, $metrics->{timeWindows}{'1h'}{requestCount}, '... but in no window';
    $metrics = $then;
}

# --- a broken channel ---------------------------------------------------------------------------
post('figures', '/third/v1/messages', messages_body('script:always/500', 'x')) for 1 .. 3;
my $broken = named(at('/api/channels/metrics'), 'figures-broken');
ok $broken->{circuitBroken}, 'a broken channel';
is $broken->{circuit}{state}, 'open', '... its breaker is open';
ok $broken->{circuit}{openUntil}, '... until then';
ok $broken->{keyMetrics}[0]{circuitBroken}, '... its key, too, which has one URL';
is at('/api/channels/figures-broken')->{state}{circuit}, 'open', '... as the channel shows';
my $stats = at('/api/messages/channels/scheduler/stats?type=responses');
cmp_ok $stats->{openCircuits}, '>=', 1, 'counted among those';
is $stats->{strategy}, 'random', 'strategy';
is $stats->{traceAffinityTTL}, '10min', 'how long bindings last';
is $stats->{failureThreshold}, 50, 'what a breaker is';
is $stats->{ledger}{lost}, 0, 'no result is lost';
ok named(at('/api/gemini/channels/metrics/history?duration=1m'), 'figures-one'), 'a path of old';

# --- conversations, responses --------------------------------------------------------------------
is at('/api/affinity')->{channels}{'figures-one'} - ($affinity->{channels}{'figures-one'} // 0), 3, 'conversations of the channel';
is at('/api/affinity')->{ttl}, '10min', '... for so long';
my $stored = at('/api/sessions')->{count};
post('chat', '/v1/responses', { model => 'm', input => 'hello' });
is at('/api/sessions')->{count}, $stored + 1, 'stored responses';

# --- settings -------------------------------------------------------------------------------------
{
    my $settings = at('/api/settings');
    my ($port) = hostport('figures') =~ /:(\d+)$/;
    my %place = map { ($_->{path} => $_->{settings}) } grep { $_->{server} =~ /:$port$/ } @{ $settings->{places} };
    is_deeply [ sort keys %place ], [ '/', '/second', '/third' ], 'places of the gateway in a server';
    is_deeply $place{'/second'}{ClaudeStrategy}, { value => 'weighted', origin => 'configuration' }, 'what a location says';
    is_deeply $place{'/third'}{ClaudeStrategy}, { value => 'failover', origin => 'default' }, '... and another does not';
    is_deeply $place{'/second'}{ClaudeRetryWait}, { value => 'Off', origin => 'configuration' }, 'what it has from its server';
    is_deeply $place{'/'}{ClaudeUseSet}, { value => 'figures-first', origin => 'configuration' }, 'the server itself';
    is_deeply $place{'/'}{ClaudeAffinity}, { value => '30min', origin => 'default' }, 'a time';
    is_deeply $place{'/'}{ClaudeMaxRequestBody}, { value => 32 * 1024 * 1024, origin => 'default' }, 'bytes';
    is_deeply $place{'/'}{ClaudeRequireUser}, { value => JSON::PP::false(), origin => 'configuration' }, 'a flag';
    is $settings->{server}{ClaudeRecentRequests}{origin}, 'default', 'what has more than a number';
    is $settings->{server}{ClaudeStateDir}{origin}, 'configuration', 'the state directory';
    my $list = do { local $/; open my $fh, '<', top() . '/src/httpd/config.h' or die "config.h: $!\n"; <$fh> };
    my %shown = (%{ $place{'/'} }, %{ $settings->{server} });
    cmp_ok scalar(keys %shown), '>', 30, 'many';
    is_deeply [ grep { !$shown{$_} } $list =~ m{^ +[NS]\(.*/\*(?: a clp_strategy:)? (Claude\w+)}gm ], [], 'whatever has a number is shown';
}

# --- in every child ------------------------------------------------------------------------------
{
    my @clients = map { ClaudeTest::Client->open_to(hostport('figures')) } 1 .. 12;
    $_->send_request(path => '/manage/api/channels/metrics') for @clients;
    my %answers = map { my $r = $_->receive(timeout => 10)->{json}; (encode(named($r, 'figures-one')) => 1) } @clients;
    $_->shut for @clients;
    is_deeply [ keys %answers ], [ encode($metrics) ], 'whoever answers tells the same';
}

# --- what was shown can be sent back ------------------------------------------------------------------
my $shown = at('/api/channels/figures-two');
ok $shown->{state}, 'a channel with its state';
my @json = ('Content-Type' => 'application/json', 'X-Api-Key' => 'any');
for my $method (qw(PUT PATCH)) {
    my $r = request(vhost => 'figures', method => $method, path => '/manage/api/channels/figures-two', headers => \@json,
        body => encode($shown));
    is $r->{status}, 200, "$method of what was shown";
    my %again = %{ at('/api/channels/figures-two') };
    delete $again{state};
    is_deeply \%again, { map { $_ => $shown->{$_} } grep { $_ ne 'state' } keys %$shown }, '... changes nothing';
}

my $log = join "\n", log_lines(qr/figures-key/);
is $log, '', 'no key in the log';
done_testing;
