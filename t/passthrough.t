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

my %path = (main => '/v1/messages', (map { $_ => '/v1/chat/completions' } qw(chat legacy)), responses => '/v1/responses');
my %odd = (main => $odd, chat => $odd, legacy => $odd =~ s/^\{/{"functions" :[{"name":"f", "parameters":{}}],/r,
    responses => $odd =~ s/"messages"/"input"/r,
    gemini => "{\n \"contents\" : [{\"role\":\"user\",\t\"parts\":[{\"text\":\"caf\\u00e9 \xc3\xa9 \\/\"}]}],\"zz\":[1.0,1e2,-0] }\r\n");

# Path and body of a request: Gemini names model and way in the path, the others in the body.
sub asked {
    my ($vhost, $model, $stream) = @_;
    return ("$path{$vhost}?beta=true", sprintf $odd{$vhost}, $model, $stream ? 'true' : 'false') if $path{$vhost};
    my $action = $stream ? 'streamGenerateContent?alt=sse' : 'generateContent?beta=true';
    return ('/v1beta/models/' . ($model =~ tr{/}{+}r) . ":$action", $odd{gemini});
}

for my $vhost (qw(main chat legacy responses gemini)) {
    for my $case (
        [ 'document'                => 'plain',              0 ],
        [ 'stream'                  => 'plain',              1 ],
        [ 'stream in single bytes'  => 'script:streams/bytewise', 1 ],
        [ 'stream with CR LF'       => 'script:streams/crlf', 1 ],
        [ 'slow stream'             => 'script:streams/drip', 1 ],
        [ 'answer without a length' => 'script:streams/unframed', 0 ],
    ) {
        my ($name, $model, $stream) = @$case;
        my ($path, $body) = asked($vhost, $model, $stream);
        upstream_reset();
        my $r = post($vhost, $path, $body, headers => [ 'X-Test' => "pass $name" ]);
        my ($seen) = upstream_log();
        is $r->{status}, 200, "$vhost, $name: answered";
        ok $r->{complete}, "$vhost, $name: ended properly";
        is $seen->{body_sha256}, sha256_hex($body), "$vhost, $name: the upstream got the client's bytes"
            or diag body_of($seen);
        is $seen->{path} =~ s{%2B}{+}r, $path, "$vhost, $name: path and query";
        is sha256_hex($r->{body}), $seen->{sent_sha256}, "$vhost, $name: the client got the upstream's bytes"
            or diag $r->{body};
    }
}

# A mapped name is the only thing that changes; of Gemini's see t/gemini.t.
for my $vhost (qw(main chat legacy responses)) {
    upstream_reset();
    my $r = post($vhost, asked($vhost, 'mapped-model', 0));
    my ($seen) = upstream_log();
    is $r->{status}, 200, "$vhost, mapped: answered";
    is body_of($seen), (asked($vhost, 'upstream-name', 0))[1], "$vhost, mapped: only the name is replaced";
}

# The function era is a protocol of its own: only its own upstreams get its bytes.
for my $body ({ functions => [ { name => 'f', parameters => {} } ] }, { function_call => 'none' }) {
    upstream_reset();
    my $r = post('chat', '/v1/chat/completions', { %{ chat_body('plain') }, %$body }, headers => [ 'X-Test' => 'pass era' ]);
    is $r->{status}, 200, 'function era to Chat: answered' or diag $r->{body};
    my $up = decode(body_of((upstream_log())[0]));
    ok !exists $up->{functions} && !exists $up->{function_call}, 'as Chat has it';
    is_deeply [ map { $_->{function}{name} } @{ $up->{tools} || [] } ], $body->{functions} ? ['f'] : [], 'its tools';
}
is((wait_for(5, sub { (claude_log('pass era'))[1] }) || {})->{client_protocol}, 'chat_legacy', 'the log tells them apart');
{
    upstream_reset();
    my $r = post('legacy', '/v1/chat/completions', { %{ chat_body('plain') }, max_completion_tokens => 7,
        tools => [ { type => 'function', function => { name => 'f' } } ], functions => [] });
    is decode(body_of((upstream_log())[0]))->{max_tokens}, 7, 'tools beside functions: Chat' or diag $r->{body};
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
