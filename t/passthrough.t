#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Same protocol in and out: every byte as it came, both ways.
use strict;
use warnings;

use ClaudeTest;
use Digest::SHA qw(sha256_hex);
use Test::More;

upstream_reset();

# Spelling that a parser would change if it wrote the body anew.
my $odd = "{\n \"max_tokens\" : 10,\t\"model\":\"%s\", \"stream\":%s,\"zz\":[1.0,1e2,12345678901234567890,-0],"
    . "\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \\ud83d\\ude00 \xc3\xa9 \\/ \\u0000\"}],"
    . "\"metadata\":{\"b\":1,\"a\":2,\"a\":3} }\r\n";

my %path = (main => '/v1/messages', chat => '/v1/chat/completions', legacy => '/v1/chat/completions');

for my $vhost (qw(main chat)) {
    for my $case (
        [ 'document'                => 'plain',              'false' ],
        [ 'stream'                  => 'plain',              'true' ],
        [ 'stream in single bytes'  => 'script:streams/bytewise#pass', 'true' ],
        [ 'stream with CR LF'       => 'script:streams/crlf', 'true' ],
        [ 'slow stream'             => 'script:streams/drip', 'true' ],
        [ 'answer without a length' => 'script:streams/unframed', 'false' ],
    ) {
        my ($name, $model, $stream) = @$case;
        my $body = sprintf $odd, $model, $stream;
        upstream_reset();
        my $r = post($vhost, "$path{$vhost}?beta=true", $body, headers => [ 'X-Test' => "pass $name" ]);
        my ($seen) = upstream_log();
        is $r->{status}, 200, "$vhost, $name: answered";
        ok $r->{complete}, "$vhost, $name: ended properly";
        is $seen->{body_sha256}, sha256_hex($body), "$vhost, $name: the upstream got the client's bytes"
            or diag body_of($seen);
        is $seen->{path}, "$path{$vhost}?beta=true", "$vhost, $name: path and query";
        is sha256_hex($r->{body}), $seen->{sent_sha256}, "$vhost, $name: the client got the upstream's bytes"
            or diag $r->{body};
    }
}

# A mapped name is the only thing that changes.
for my $vhost (qw(main chat)) {
    upstream_reset();
    my $body = sprintf $odd, 'mapped-model', 'false';
    my $r = post($vhost, $path{$vhost}, $body);
    my ($seen) = upstream_log();
    is $r->{status}, 200, "$vhost, mapped: answered";
    is body_of($seen), sprintf($odd, 'upstream-name', 'false'), "$vhost, mapped: only the name is replaced";
}

# Headers: what goes up and what never does.
{
    upstream_reset();
    my $r = post('main', '/v1/messages', messages_body('plain'), headers => [
        'anthropic-version' => '2023-06-01', 'anthropic-beta' => 'a-1,b-2', 'anthropic-beta' => 'c-3',
        'X-Api-Key' => 'client-secret', 'Authorization' => 'Bearer client-secret',
        'X-Goog-Api-Key' => 'client-secret', 'Cookie' => 'session=client-secret',
        'X-Claude-Code-Session-Id' => 'session-1', 'User-Agent' => 'claude-cli/2',
        'Connection' => 'keep-alive, X-Hop', 'X-Hop' => 'client-secret', 'TE' => 'trailers',
        'Proxy-Authorization' => 'Basic client-secret',
    ]);
    my ($seen) = upstream_log();
    is header_of($seen, 'x-api-key'), 'up-key-main', 'the channel\'s key goes up';
    is header_of($seen, 'authorization'), undef, 'no Authorization beside it';
    is join(',', map { s/\s//gr } split /,/, header_of($seen, 'anthropic-beta') // ''), 'a-1,b-2,c-3',
        'betas in order';
    is header_of($seen, 'anthropic-version'), '2023-06-01', 'the version';
    is header_of($seen, 'user-agent'), 'claude-cli/2', 'the client\'s name on passthrough';
    my @leaks = grep { $_->[1] =~ /client-secret/ } @{ $seen->{headers} };
    ok !@leaks, 'no credential of the client goes up' or diag explain \@leaks;
    is header_of($seen, 'x-hop'), undef, 'what Connection names stays here';
}
{
    upstream_reset();
    post('chat', '/v1/chat/completions', chat_body('plain'), headers => [ 'X-Api-Key' => 'client-secret' ]);
    my ($seen) = upstream_log();
    is header_of($seen, 'authorization'), 'Bearer up-key-chat', 'Chat: the channel\'s key as Bearer';
    is header_of($seen, 'x-api-key'), undef, 'Chat: nothing in x-api-key';
}

# Large bodies, with and without a length.
for my $chunked (0, 1) {
    upstream_reset();
    my $body = encode(messages_body('plain', 'long ' x 40_000));
    my $r = post('main', '/v1/messages', $body, chunked => $chunked);
    my ($seen) = upstream_log();
    my $how = $chunked ? 'chunked' : 'with a length';
    is $r->{status}, 200, "200 KB $how: answered";
    is $seen->{body_sha256}, sha256_hex($body), "200 KB $how: arrived whole";
}
{
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    $client->send_request(method => 'POST', path => '/v1/messages',
        headers => [ 'Content-Type' => 'application/json', 'Expect' => '100-continue' ],
        body => encode(messages_body('plain')));
    is $client->receive->{status}, 200, 'Expect: 100-continue';
}

# The gateway's connection to the client is kept; so is the one to the upstream.
{
    upstream_reset();
    my $client = ClaudeTest::Client->open_to(hostport('main'));
    for (1 .. 5) {
        $client->send_request(method => 'POST', path => '/v1/messages',
            headers => [ 'Content-Type' => 'application/json' ], body => encode(messages_body('plain')));
        is $client->receive->{status}, 200, "request $_ on one connection";
    }
    my %used = map { $_->{connection} => 1 } upstream_log();
    is keys %used, 1, 'one connection to the upstream for all of them';
}

# Compressed answers arrive readable.
for my $coding (qw(gzip deflate)) {
    for my $vhost (qw(main chat)) {
        my $r = post($vhost, $path{$vhost}, { %{ messages_body("script:streams/$coding") }, max_tokens => 5 });
        is $r->{status}, 200, "$vhost: $coding answer";
        is $r->{headers}{'content-encoding'}, undef, "$vhost: $coding is taken off";
        ok $r->{json} && ($r->{json}{content} || $r->{json}{choices}), "$vhost: $coding answer is read";
    }
}
done_testing;
