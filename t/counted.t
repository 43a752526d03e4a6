#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Whatever becomes of a request for an answer, it is counted once, under what became of
# it; other requests are not counted. Tokens are those that upstreams told.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep);

my $true = JSON::PP::true();

sub status { return request(vhost => 'scheduler', path => '/status')->{json} }

# Of all protocols together: results, attempts, tokens told.
sub totals {
    my $s = status();
    my %sum;
    for my $protocol (values %{ $s->{protocols} }) {
        $sum{$_} += $protocol->{results}{$_} for keys %{ $protocol->{results} || {} };
        $sum{requests} += $protocol->{requests};
    }
    $sum{of_users} += $_->{requests} for values %{ $s->{users} }, $s->{other_users};
    $sum{of_models} += $_->{requests} for values %{ $s->{models} }, $s->{other_models};
    $sum{in_flight} += $_->{in_flight} for @{ $s->{children} };
    $sum{behind} = $s->{ledger}{posted} - $s->{ledger}{entered};
    return \%sum;
}

# What has been counted since, without what did not change.
sub difference {
    my ($before) = @_;
    my $now = totals();
    my %d = map { $_ => ($now->{$_} // 0) - ($before->{$_} // 0) } keys %$now, keys %$before;
    return { map { $d{$_} ? ($_ => $d{$_}) : () } keys %d };
}

sub flat {
    my ($h) = @_;
    return join ', ', map { "$_ $h->{$_}" } sort keys %$h;
}

# A request of each of these results, and no others.
sub counted_once {
    my ($name, $results, $act) = @_;
    my %want;
    for my $result (split ' ', $results // '') {
        $want{$_}++ for $result, qw(requests of_users of_models);
    }
    my $before = totals();
    $act->();
    wait_for(3, sub { flat(difference($before)) eq flat(\%want) });
    sleep 0.05;
    is flat(difference($before)), flat(\%want), "$name: " . ($results // 'not counted');
    return;
}

sub client {
    my ($vhost, $path, $body, %more) = @_;
    my $client = ClaudeTest::Client->open_to(hostport($vhost));
    $client->send_request(method => 'POST', path => $path, headers => [ 'Content-Type' => 'application/json' ], body => encode($body),
        %more);
    return $client;
}

# A client that leaves when `until` has come, or when the upstream was asked.
sub leave {
    my ($vhost, $path, $body, $until) = @_;
    upstream_reset();
    my $client = client($vhost, $path, $body);
    if ($until) {
        $client->receive(until => sub { $_[0] =~ $until }, timeout => 5);
    }
    else {
        wait_for(3, sub { scalar upstream_log() });
    }
    $client->shut;
    return;
}

sub script {
    my ($name, %more) = @_;
    return messages_body("script:$name", 'x', %more);
}

sub answered {
    my ($vhost, $path, $body, @more) = @_;
    return sub { post($vhost, $path, $body, @more) };
}

my $m = '/v1/messages';
my $h2 = 'http://' . hostport('h2') . $m;
my @curl = ('curl', '-sN', '--http2-prior-knowledge', '-o', logs_dir() . '/counted', '-H', 'content-type: application/json');

# --- those that have an answer ---------------------------------------------------------

counted_once('a document', 'success', answered('main', $m, messages_body('m')));
counted_once('a stream', 'success', answered('main', $m, messages_body('m', 'x', stream => $true)));
counted_once('a document, converted', 'success', answered('chat', $m, messages_body('m')));
counted_once('a stream, converted', 'success', answered('chat', $m, messages_body('m', 'x', stream => $true)));
counted_once('Chat', 'success', answered('main', '/v1/chat/completions', chat_body('m')));
counted_once('Responses', 'success', answered('main', '/v1/responses', { model => 'm', input => 'x' }));
counted_once('Gemini', 'success', answered('main', '/v1beta/models/m:generateContent', { contents => [ { role => 'user', parts => [ { text => 'x' } ] } ] }));
counted_once('by the second channel', 'success', answered('tags', "/hedged$m", messages_body('m', 'x', stream => $true)));
counted_once('HTTP/2', 'success', sub { system @curl, '-d', encode(messages_body('m')), $h2 });
counted_once('on one connection', 'success success success', sub {
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    for (1 .. 3) {
        $client->send_request(method => 'POST', path => $m, headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('m')));
        $client->receive;
    }
    $client->shut;
});
counted_once('that takes some patience', 'success', answered('main', "/patient$m", script('streams/slow-then-done', stream => $true)));

# --- those that are the client's fault --------------------------------------------------------

counted_once('no JSON', 'client_error', sub { request(vhost => 'main', method => 'POST', path => $m, body => '{"model":') });
counted_once('no model', 'client_error', answered('main', $m, { max_tokens => 1, messages => [] }));
counted_once('no object', 'client_error', answered('main', $m, []));
counted_once('too large', 'client_error', answered('main', "/limits$m", messages_body('m', 'x' x 30_000)));
counted_once('no such coding', 'client_error', answered('main', $m, messages_body('m'), headers => [ 'Content-Encoding' => 'x-unknown' ]));
counted_once('what cannot be converted', 'client_error', answered('chat', $m, { model => 'm', max_tokens => 9, messages => [ { role => 'nobody', content => 'x' } ] }));
counted_once('the upstream says so', 'client_error', answered('main', $m, script('refusals/400')));
counted_once('an unknown response', 'client_error', answered('main', '/v1/responses', { model => 'm', input => 'x', previous_response_id => 'resp_unknown' }));
counted_once('half a body', 'aborted', sub {
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    $client->send_request(method => 'POST', path => $m, headers => [ 'Content-Type' => 'application/json', 'Content-Length' => 500 ], body => '{"model":');
    sleep 0.2;
    $client->shut;
});

# --- those whose client leaves --------------------------------------------------------------------

counted_once('left before the answer', 'aborted', sub { leave('main', $m, script('streams/hang-before')) });
counted_once('left in the middle', 'aborted', sub { leave('main', $m, script('streams/hang-middle', stream => $true), qr/first /) });
counted_once('left in the middle, converted', 'aborted', sub { leave('chat', $m, script('streams/hang-middle', stream => $true), qr/first /) });
counted_once('left while two run', 'aborted', sub {
    upstream_reset();
    my $client = client('tags', "/hedged$m", script('streams/hang-before', stream => $true));
    wait_for(5, sub { upstream_log() == 2 });
    $client->shut;
});
counted_once('left over HTTP/2', 'aborted', sub { system @curl, '-m', '1', '-d', encode(script('streams/hang-before')), $h2 });
counted_once('left while it waits for room', 'aborted success', sub {
    upstream_reset();
    my $other = client('scheduler', "/brief$m", messages_body('m', 'x', stream => $true));
    wait_for(3, sub { scalar upstream_log() });
    my $client = client('scheduler', "/brief$m", messages_body('m'));
    sleep 0.2;
    $client->shut;
    $other->receive;
    $other->shut;
});

# --- those that fail ---------------------------------------------------------------------------

for my $case ([ '401', 'auth' ], [ '402', 'quota' ], [ '403', 'auth' ], [ '429', 'rate_limit' ], [ '500', 'server_error' ],
    [ '502-html', 'server_error' ], [ '529', 'overloaded' ], [ 'empty-200', 'empty' ], [ 'garbage-json', 'garbage' ])
{
    my ($script, $result) = @$case;
    counted_once("the upstream: $script", $result, answered('main', $m, script("always/$script")));
}
counted_once('a stream that breaks off', 'truncated', answered('main', $m, script('streams/cut', stream => $true)));
counted_once('that ends too soon', 'truncated', answered('main', $m, script('streams/cut-clean', stream => $true)));
counted_once('an error in the middle', 'truncated', answered('main', $m, script('streams/error-later', stream => $true)));
counted_once('nobody there', 'transport', answered('addresses', "/nowhere$m", messages_body('m')));
counted_once('no room', 'no_channel success', sub {
    upstream_reset();
    my $other = client('scheduler', "/narrow$m", messages_body('m', 'x', stream => $true));
    wait_for(3, sub { scalar upstream_log() });
    post('scheduler', "/narrow$m", messages_body('m'));
    $other->receive;
    $other->shut;
});
counted_once('nobody to ask', 'no_channel', answered('empty', $m, messages_body('m')));

# --- those that want something else ------------------------------------------------------------

counted_once('counting', undef, answered('main', "$m/count_tokens", messages_body('m')));
counted_once('the list of models', undef, sub { request(vhost => 'main', path => '/v1/models') });
counted_once('another method', undef, sub { request(vhost => 'main', path => $m, method => 'HEAD') });
counted_once('another path', undef, answered('main', '/v1/nothing', {}));
counted_once('without access', undef, answered('auth', "/keys$m", messages_body('m')));
counted_once('a stored response', undef, sub { request(vhost => 'main', path => '/v1/responses/resp_unknown') });

is totals()->{in_flight}, 0, 'nothing is in flight in the end';
is totals()->{behind}, 0, 'and nothing waits to be counted';
done_testing;
