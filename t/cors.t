#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Browsers: exact origins, preflight without a key, errors readable too.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

upstream_reset();
my $origin = 'https://app.example.org';

sub preflight {
    my ($path, $from, %more) = @_;
    return request(vhost => 'cors', method => 'OPTIONS', path => $path, headers => [ Origin => $from,
        'Access-Control-Request-Method' => 'POST',
        'Access-Control-Request-Headers' => 'content-type,x-api-key,anthropic-version,anthropic-dangerous-direct-browser-access',
        %more ]);
}

for my $path (qw(/v1/messages /v1/chat/completions /v1/models)) {
    my $r = preflight($path, $origin);
    like $r->{status}, qr/^20[04]$/, "preflight $path without a key";
    is $r->{headers}{'access-control-allow-origin'}, $origin, "preflight $path: the origin";
    like $r->{headers}{'access-control-allow-methods'}, qr/POST|GET/, "preflight $path: methods";
    my %allowed = map { lc s/\s//gr => 1 } split /,/, $r->{headers}{'access-control-allow-headers'} // '';
    ok $allowed{$_}, "preflight $path: $_"
        for qw(content-type x-api-key anthropic-version anthropic-dangerous-direct-browser-access);
    is $r->{headers}{'access-control-max-age'}, 600, "preflight $path: max age";
    like $r->{headers}{vary} // '', qr/Origin/i, "preflight $path: Vary";
}
for my $from ('https://evil.example', 'https://app.example.org.evil.example', 'http://app.example.org',
    'https://app.example.org:8443', 'null')
{
    my $r = preflight('/v1/messages', $from);
    is $r->{headers}{'access-control-allow-origin'}, undef, "$from is not let in";
}
is preflight('/nobody/v1/messages', $origin)->{headers}{'access-control-allow-origin'}, undef,
    'ClaudeCORSOrigin None';
is scalar(upstream_log()), 0, 'no upstream was asked';

my $r = post('cors', '/v1/messages', messages_body('m'), headers => [ Origin => $origin, 'X-Api-Key' => 'alice-key' ]);
is $r->{status}, 200, 'a request from there';
is $r->{headers}{'access-control-allow-origin'}, $origin, 'the origin is repeated';
like $r->{headers}{'access-control-expose-headers'} // '', qr/request-id/i, 'headers that scripts may read';
$r = post('cors', '/v1/messages', messages_body('m', 'x', stream => JSON::PP::true()),
    headers => [ Origin => $origin, 'X-Api-Key' => 'alice-key' ]);
is $r->{headers}{'access-control-allow-origin'}, $origin, 'a stream too';
for my $case (
    [ 'without a key', [],                              '/v1/messages',    401 ],
    [ 'to nowhere',    [ 'X-Api-Key' => 'alice-key' ],  '/v1/nowhere',     404 ],
    [ 'without sense', [ 'X-Api-Key' => 'alice-key' ],  '/v1/messages',    400, 'x' ],
) {
    my ($name, $headers, $path, $status, $body) = @$case;
    $r = post('cors', $path, $body // messages_body('m'), headers => [ Origin => $origin, @$headers ]);
    is $r->{status}, $status, "a request $name: $status";
    is $r->{headers}{'access-control-allow-origin'}, $origin, "a request $name: readable for the script";
}
$r = post('cors', '/v1/messages', messages_body('m'), headers => [ 'X-Api-Key' => 'alice-key' ]);
is $r->{status}, 200, 'a request without Origin';
is $r->{headers}{'access-control-allow-origin'}, undef, 'is told nothing of origins';
done_testing;
