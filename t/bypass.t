#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Ways around authentication: none of these requests may reach the upstream.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my $body = encode(messages_body('m'));
my @json = ('Content-Type' => 'application/json');

sub tried {
    my ($name, %r) = @_;
    my $before = () = upstream_log();
    my $r = request(vhost => $r{vhost} || 'auth', method => 'POST', body => $body, timeout => 5, %r,
        headers => [ @json, @{ $r{headers} || [] } ]);
    my $after = () = upstream_log();
    is $after, $before, "$name: the upstream is not asked";
    cmp_ok $r->{status}, '>=', 400, "$name: $r->{status}";
    return $r;
}

upstream_reset();
expect_log(qw(CLP2010 AH01617 AH01618 AH01630 AH00026 AH10244 AH00126));

# Other spellings of a path that wants a key.
for my $path (
    '/keys/v1/messages', '//keys/v1/messages', '/keys//v1//messages', '/keys/./v1/messages', '/./keys/v1/messages',
    '/keys/%2e/v1/messages', '/keys/x/../v1/messages', '/keys/%2e%2e/keys/v1/messages', '/keys%2fv1/messages',
    '/keys/v1%2fmessages', '/%6beys/v1/messages', '/keys/v1/m%65ssages', '/KEYS/v1/messages', '/keys/V1/messages',
    '/keys/v1/messages/', '/keys/v1/messages//', '/keys/v1/messages/health', '/keys/v1/messages;/health',
    '/keys/v1/messages%00/health', '/keys/v1/messages%3f/health', '/keys/v1/messages?/health',
    '/keys/v1/messages?path=/api/hello', '/keys/health/../v1/messages', '/keys/health/%2e%2e/v1/messages',
    '/keys/health//../v1/messages', '/keys/api/hello/../../v1/messages', '/anybody/../keys/v1/messages',
    '/anybody/%2e%2e/keys/v1/messages', '/anybody/..%2fkeys/v1/messages', '/anybody//../keys/v1/messages',
    '/keys/v1/messages#/health', '/keys\\v1\\messages', '/keys/v1/messages%0d%0a', '/keys/v1/messages%20',
    '/noauth/v1/messages', '//noauth/v1/messages', '/noauth/x/../v1/messages', '/noauth/v1/messages/',
) {
    my $r = tried($path, path => $path);
    unlike $r->{body}, qr/You said/, "$path: no answer";
}
for my $url ('http://localhost/keys/v1/messages', 'http://other.example/keys/v1/messages', 'http:///keys/v1/messages') {
    tried("absolute form: $url", path => $url);
}

# Credentials that are none.
my @none = (
    [ 'two Bearers',          Authorization => 'Bearer wrong', Authorization => 'Bearer alice-key' ],
    [ 'two in one field',     Authorization => 'Bearer wrong, Bearer alice-key' ],
    [ 'two own keys',         'X-Api-Key' => 'wrong', 'X-Api-Key' => 'alice-key' ],
    [ 'Bearer alone',         Authorization => 'Bearer' ],
    [ 'Bearer and blanks',    Authorization => 'Bearer    ' ],
    [ 'no blank',             Authorization => 'Beareralice-key' ],
    [ 'another scheme',       Authorization => 'Token alice-key' ],
    [ 'no scheme',            Authorization => 'alice-key' ],
    [ 'more behind the key',  Authorization => 'Bearer alice-key x' ],
    [ 'the digest as a key',  'X-Api-Key' => 'sha256:9b94dc1a51a38769f135edf04033ad7f2f487b6c25929be7a861cfc1ab10cf98' ],
    [ 'the digest itself',    'X-Api-Key' => '9b94dc1a51a38769f135edf04033ad7f2f487b6c25929be7a861cfc1ab10cf98' ],
    [ 'a name',               'X-Api-Key' => 'alice' ],
    [ 'other case',           'X-Api-Key' => 'ALICE-KEY' ],
    [ 'a user by a field',    'X-Remote-User' => 'alice', 'Remote-User' => 'alice' ],
    [ 'another path by fields', 'X-Original-URL' => '/anybody/v1/messages', 'X-Rewrite-URL' => '/keys/health' ],
    [ 'another method',       'X-HTTP-Method-Override' => 'OPTIONS' ],
    [ 'a cookie',             Cookie => 'x-api-key=alice-key' ],
);
for my $case (@none) {
    my ($name, @headers) = @$case;
    my $r = tried($name, path => '/keys/v1/messages', headers => \@headers);
    is $r->{status}, 401, "$name: 401";
    unlike $r->{body}, qr/alice-key/, "$name: no key in the answer";
}
for my $method (qw(GET HEAD PUT DELETE PATCH TRACE PROPFIND FOO)) {
    tried("method $method", path => '/keys/v1/messages', method => $method);
}

# What is public does nothing but say that it is there.
for my $path ('/keys/health', '/keys/api/hello', '/noauth/health') {
    my $before = () = upstream_log();
    is request(vhost => 'auth', path => $path)->{status}, 200, "$path is public";
    my $after = () = upstream_log();
    is $after, $before, "$path asks nobody";
    my $r = tried("POST $path", path => $path);
    is $r->{status}, 405, "POST $path: 405";
}

# Old clients, and bodies in ways that few use.
{
    upstream_reset();
    my $raw = sub {
        my ($text) = @_;
        my $client = ClaudeTest::Client->open_to(hostport('main'));
        $client->send_bytes($text);
        my $until = time + 5;
        while ($client->more($until)) { }
        return $client->{in};
    };
    my $stream = encode(messages_body('m', 'a b', stream => JSON::PP::true()));
    my $got = $raw->("POST /v1/messages HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
            . length($stream) . "\r\n\r\n$stream");
    like $got, qr/message_stop"\}\n\n\z/, 'HTTP/1.0: a stream, unframed, to its end';
    unlike $got, qr/transfer-encoding/i, 'HTTP/1.0: not chunked';
    my $cut = encode(messages_body('script:streams/cut', 'a b', stream => JSON::PP::true()));
    $got = $raw->("POST /v1/messages HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
            . length($cut) . "\r\n\r\n$cut");
    like $got, qr/event: error\n.*\n\n\z/, 'HTTP/1.0: a cut stream says so';
    unlike $got, qr/message_stop/, 'HTTP/1.0: and does not end well';

    my $big = length(encode(messages_body('m'))) + 100_000;
    $got = $raw->("POST /limits/v1/messages HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            . "Content-Length: $big\r\n\r\n");
    like $got, qr{^HTTP/1\.1 413 }, 'Expect: a body that is too large is not asked for';
    my $text = encode(messages_body('m'));
    $got = $raw->("POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
            . 'Content-Length: ' . length($text) . "\r\n\r\n$text");
    like $got, qr{^HTTP/1\.1 100 .*^HTTP/1\.1 200 }ms, 'Expect: another is';
    $got = $raw->("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
            . "GET /api/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    is scalar(() = $got =~ m{HTTP/1\.1 200 }g), 2, 'a GET with a body does not shift what follows';
    my $long = 'x' x 30_000;
    $got = $raw->("POST /limits/v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            . sprintf("%x\r\n%s\r\n0\r\n\r\n", length $long, $long) . "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    like $got, qr{^HTTP/1\.1 413 }, 'chunked and too large: 413';
    is scalar(() = $got =~ m{HTTP/1\.1 }g), 1, 'and the connection ends there';
}
done_testing;
