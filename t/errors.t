#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Every error in the shape of the client's protocol.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');

# Does the answer have the shape of the protocol, and of no other?
sub shape_ok {
    my ($r, $dialect, $name) = @_;
    my $j = $r->{json};
    like $r->{headers}{'content-type'}, qr{^application/json}, "$name: JSON";
    if ($dialect eq 'messages') {
        ok ref $j eq 'HASH' && $j->{type} eq 'error' && ref $j->{error} eq 'HASH' && $j->{error}{type}
            && length $j->{error}{message} && length $j->{request_id}, "$name: shape" or diag $r->{body};
        ok $r->{headers}{'request-id'}, "$name: request-id";
    }
    else {
        ok ref $j eq 'HASH' && ref $j->{error} eq 'HASH' && length $j->{error}{message}
            && $j->{error}{type} && exists $j->{error}{param} && exists $j->{error}{code} && !$j->{type},
            "$name: shape" or diag $r->{body};
        ok $r->{headers}{'x-request-id'}, "$name: x-request-id";
    }
    return;
}

# script; Messages status and type; Chat status and type; text that must be told
my @cases = (
    [ 'refusals/400',     400, 'invalid_request_error', 400, 'invalid_request_error', qr/roles must alternate/ ],
    [ 'refusals/413',     413, 'request_too_large',     413, 'invalid_request_error', qr/too big/ ],
    [ 'refusals/422',     400, 'invalid_request_error', 422, 'invalid_request_error', qr/cannot be processed/ ],
    [ 'refusals/context', 400, 'invalid_request_error', 400, 'invalid_request_error', qr/^prompt is too long|maximum context|too long/ ],
    [ 'always/401',       401, 'authentication_error',  401, 'invalid_request_error', qr/./ ],
    [ 'always/402',       402, 'billing_error',         429, 'insufficient_quota',    qr/./ ],
    [ 'always/403',       403, 'permission_error',      403, 'invalid_request_error', qr/not for you/ ],
    [ 'always/404',       404, 'not_found_error',       404, 'invalid_request_error', qr/no such model/ ],
    [ 'always/429',       429, 'rate_limit_error',      429, 'rate_limit_error',      qr/Slow down/ ],
    [ 'always/500',       500, 'api_error',             500, 'server_error',          qr/Internal/ ],
    [ 'always/529',       529, 'overloaded_error',      503, 'server_error',          qr/Overloaded/ ],
    [ 'always/502-html',  502, 'api_error',             502, 'server_error',          qr/./ ],
    [ 'always/empty-200', 502, 'api_error',             502, 'server_error',          qr/./ ],
    [ 'always/half-json', 502, 'api_error',             502, 'server_error',          qr/./ ],
    [ 'always/garbage-json', 502, 'api_error',          502, 'server_error',          qr/./ ],
);

# Same protocol on both sides leaves the upstream's error as it is; crossing gives the row above.
for my $vhost (qw(main chat)) {
    for my $dialect (qw(messages chat)) {
        my $crossed = ($vhost eq 'main') != ($dialect eq 'messages');
        for my $case (@cases) {
            my ($script, @want) = @$case;
            my ($status, $type) = $dialect eq 'messages' ? @want[ 0, 1 ] : @want[ 2, 3 ];
            for my $stream (0, 1) {
                my $name = "$dialect client, $vhost upstream, $script" . ($stream ? ', stream' : '');
                my $body = messages_body("script:$script", 'x', $stream ? (stream => JSON::PP::true()) : ());
                my $r = post($vhost, $path{$dialect}, $body);
                my $plain = !$crossed && $script !~ /200|json|html/;
                my $got = $plain && $script =~ /(\d+)/ && $r->{status} == $1;
                ok $r->{status} == $status || $got, "$name: status $status" or diag "$r->{status} $r->{body}";
                shape_ok($r, $dialect, $name);
                is $r->{json}{error}{type}, $type, "$name: type" if $crossed;
                like $r->{json}{error}{message}, $want[4], "$name: message";
                is $r->{headers}{'retry-after'}, 7, "$name: Retry-After" if $script eq 'always/429';
                unlike $r->{body}, qr/127\.0\.0\.1|up-key/, "$name: no address and no key in it";
            }
        }
    }
}

# 100 MB that never become an event, or a document.
for my $script (qw(always/huge-event always/huge-document)) {
    for my $dialect (qw(messages chat)) {
        my $vhost = $dialect eq 'messages' ? 'chat' : 'main';
        my $r = post($vhost, "/limits$path{$dialect}",
            messages_body("script:$script", 'x', $script =~ /event/ ? (stream => JSON::PP::true()) : ()));
        is $r->{status}, 502, "$dialect client, $script: refused";
        shape_ok($r, $dialect, "$dialect client, $script");
        my ($seen) = wait_for(5, sub { my @l = upstream_log(script => $script); $l[-1]{aborted} && @l })
            ? (upstream_log(script => $script))[-1] : ();
        ok $seen, "$dialect client, $script: the upstream is cut off";
        cmp_ok $seen->{sent_bytes} // 1e9, '<', 20e6, "$dialect client, $script: long before its end";
    }
}
done_testing;
