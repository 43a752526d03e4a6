#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Upstreams behind TLS and behind a proxy.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

sub ask {
    my ($place, $stream) = @_;
    return post('tls', "/$place/v1/messages", messages_body('m', 'over TLS', $stream ? (stream => JSON::PP::true()) : ()));
}

for my $case (
    [ strange   => 502, 'an authority nobody knows' ],
    [ unchecked => 200, 'ChannelTLSVerify Off' ],
    [ checked   => 200, 'ChannelTLSCAFile' ],
    [ wrongname => 502, 'a certificate of another name' ],
    [ bare      => 502, 'a client certificate is missing' ],
    [ certified => 200, 'ChannelTLSCertificate' ],
) {
    my ($place, $status, $name) = @$case;
    my $r = ask($place);
    is $r->{status}, $status, "$name: $status" or diag $r->{body};
    if ($status == 200) {
        like $r->{json}{content}[0]{text}, qr/over TLS/, "$name: the answer";
        like stream_text(ask($place, 1)), qr/over TLS/, "$name: the stream";
        next;
    }
    is $r->{json}{error}{type}, 'api_error', "$name: told in shape";
    unlike $r->{body}, qr/localhost|127\.0\.0/, "$name: without the address";
}

for my $stream (0, 1) {
    my $r = ask('second', $stream);
    is $r->{status}, 200, 'HTTP/2 to the upstream' or diag $r->{body};
    is $r->{headers}{'x-seen-protocol'}, 'HTTP/2.0', 'it was HTTP/2';
    like $stream ? stream_text($r) : $r->{json}{content}[0]{text}, qr/over TLS/, 'the answer';
}
is ask('checked')->{headers}{'x-seen-protocol'}, 'HTTP/1.1', 'HTTP/1.1 unless asked for';

# The scripted upstream as a proxy: it sees what a proxy sees.
{
    upstream_reset();
    my $r = ask('proxied');
    is $r->{status}, 200, 'through a proxy' or diag $r->{body};
    my ($seen) = upstream_log();
    is $seen->{path}, 'http://provider.invalid/base/v1/messages', 'the proxy is asked for the whole URL';
    is header_of($seen, 'host'), 'provider.invalid', 'for that host';
    like header_of($seen, 'proxy-authorization'), qr/^Basic /, 'with the password of the proxy';
    ok !log_lines('proxy-secret'), 'which is in no log';
}
done_testing;
