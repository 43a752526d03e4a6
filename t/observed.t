#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# What mod_status shows of the gateway, as a page and as ?auto.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

sub auto {
    my %value;
    for (split /\n/, request(vhost => 'observed', path => '/server-status?auto')->{body}) {
        $value{$1} = $2 if /^(ClaudeProxy\S+): (.*)$/;
    }
    return \%value;
}

# The keys of one channel.
sub channel {
    my ($name) = @_;
    my $all = auto();
    my ($i) = map { /^ClaudeProxyChannel\[(\d+)\]Name$/ && $all->{$_} eq $name ? $1 : () } keys %$all;
    return { map { /^ClaudeProxyChannel\[$i\](\w+)$/ ? ($1 => $all->{$_}) : () } keys %$all };
}

my $before = auto();
like $before->{ClaudeProxyVersion}, qr/^\d+\.\d+/, 'version';
cmp_ok $before->{ClaudeProxyProcesses}, '>=', 1, 'processes';
cmp_ok $before->{ClaudeProxyGeneration}, '>=', 1, 'generation';
cmp_ok $before->{ClaudeProxySharedBytes}, '>', 1024 * 1024, 'shared memory';
is $before->{ClaudeProxyResultsLost}, 0, 'nothing lost';
is $before->{ClaudeProxyOverlayBroken}, 0, 'no broken overlay';

is channel('observed-two')->{Status}, 'suspended', 'a channel that gets nothing';
my $one = channel('observed-one');
is $one->{Status}, 'active', 'one that does';
is $one->{Success15m}, '-', 'without a request there is no rate' if !$one->{Attempts15m};
post('observed', '/v1/messages', messages_body('m', 'x')) for 1 .. 3;
post('observed', '/v1/messages', messages_body('script:always/500', 'x'));
my $after = channel('observed-one');
is $after->{Attempts15m} - $one->{Attempts15m}, 4, 'attempts';
is $after->{Success15m}, '75%', 'how many succeeded';
is $after->{Success24h}, '75%', 'in the longer time too';
is $after->{TokensOut24h}, 21, 'tokens';
is $after->{Circuit}, 'closed', 'circuit';
is $after->{InFlight}, 0, 'nothing runs';
is $after->{RestingKeys}, 0, 'no key rests';

# One that runs.
{
    my $client = ClaudeTest::Client->open_to(hostport('observed'));
    my $body = encode(messages_body('script:streams/hang-middle', 'x', stream => JSON::PP::true()));
    $client->send_request(method => 'POST', path => '/v1/messages', body => $body,
        headers => [ 'Content-Type' => 'application/json' ]);
    ok wait_for(5, sub { channel('observed-one')->{InFlight} == 1 }), 'one in flight';
    cmp_ok auto()->{ClaudeProxyInFlight}, '>=', 1, 'in the sum too';
    $client->shut;
    ok wait_for(5, sub { channel('observed-one')->{InFlight} == 0 }), 'and gone with its client';
}

# A stored response.
{
    my $sessions = auto()->{ClaudeProxySessions};
    post('chat', '/v1/responses', { model => 'm', input => 'hello' });
    is auto()->{ClaudeProxySessions}, $sessions + 1, 'stored responses';
}

my $page = request(vhost => 'observed', path => '/server-status')->{body};
like $page, qr{<h2>Claude proxy \d}, 'a part of the page';
like $page, qr{<tr><td>observed-one</td><td>active</td><td>closed</td><td>0</td>}, 'with a row for each channel';
unlike $page, qr/up-key-that-nobody/, 'and no key';
done_testing;
