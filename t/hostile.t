#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Upstreams that mean no good, or are broken: endless answers, odd header
# fields, other line ends, floods.
use strict;
use warnings;

use ClaudeTest;
use Digest::SHA ();
use Test::More;
use Time::HiRes qw(time);

my %path = (messages => '/v1/messages', chat => '/v1/chat/completions');

sub ask {
    my ($vhost, $dialect, $script, $stream, %more) = @_;
    return post($vhost, (delete $more{prefix} // '') . $path{$dialect},
        messages_body("script:hostile/$script", 'one two', $stream ? (stream => JSON::PP::true()) : ()), %more);
}

for my $vhost (qw(main chat)) {
    for my $dialect (qw(messages chat)) {
        my $name = "$dialect client, $vhost upstream";
        my $passed = ($vhost eq 'main') == ($dialect eq 'messages');

        upstream_reset();
        my $began = time;
        my $r = ask($vhost, $dialect, 'endless-error', 0, timeout => 5);
        is $r->{status}, 400, "$name: an error body without an end: the client is told";
        cmp_ok time - $began, '<', 4, "$name: soon";
        ok $r->{json}, "$name: as JSON" or diag substr $r->{body}, 0, 200;
        is upstream_stats()->{open}, 0, "$name: and the upstream is left";

        for my $stream (0, 1) {
            my $what = "$name, " . ($stream ? 'stream' : 'document');
            my $id = $dialect eq 'messages' ? 'request-id' : 'x-request-id';
            $r = ask($vhost, $dialect, 'odd-id', $stream);
            is $r->{status}, 200, "$what: a request id with a control character: the answer comes";
            like $r->{headers}{$id}, qr/^req_\w+$/, "$what: under an id of ours";

            $r = ask($vhost, $dialect, 'long-id', $stream);
            is $r->{status}, 200, "$what: a very long request id: the answer comes";
            like $r->{headers}{$id}, qr/^req_\w+$/, "$what: under an id of ours";

            $r = ask($vhost, $dialect, 'odd-fields', $stream);
            is $r->{status}, 200, "$what: odd header fields: the answer comes";
            is $r->{headers}{'x-odd'} // $r->{headers}{'x-return'}, undef, "$what: without them";
        }
        $r = ask($vhost, $dialect, 'odd-id-refused', 0);
        is $r->{status}, 400, "$name: a refusal with an odd id is told as it is";
        ok $r->{json}, "$name: as JSON";

        $r = ask($vhost, $dialect, 'folded-type', 0);
        is $r->{status}, 200, "$name: a type with a bare CR: the answer comes";
        unlike $r->{headers}{'content-type'}, qr/\r|Evil/, "$name: the type goes without it";

        $r = ask($vhost, $dialect, 'cr', 1);
        like $r->{body}, qr/hello/, "$name: CR alone ends lines";
        if ($passed) {
            is Digest::SHA::sha256_hex($r->{body}), (upstream_log(script => 'hostile/cr'))[-1]{sent_sha256},
                "$name: bytes as they came";
            cmp_ok $r->{last} - $r->{first}, '>', 0.2, "$name: events leave when they are whole";
        }
        $r = ask($vhost, $dialect, 'crlf', 1);
        like $r->{body}, qr/hello/, "$name: CRLF byte by byte";
        ok !$r->{complete}, "$name: a cut is seen in the framing";
        like $r->{events}[-1]{data}, qr/"error"/, "$name: and told by the last event";
        unlike $r->{body}, qr/content_block_de"?(?!lta)|"obj(?!ect)/, "$name: no half event before it" if $passed;

        upstream_reset();
        $r = ask($vhost, $dialect, 'pings', 1, prefix => '/limits', raw => 1);
        is $r->{status}, 502, "$name: a flood before the first content ends" or diag length $r->{body};

        $r = ask($vhost, $dialect, 'endless-stream', 1, raw => 1);
        cmp_ok $r->{last}, '<', 3, "$name: what comes behind the end delays nobody for long";
        ok $r->{complete}, "$name: and the answer is whole";
    }
}

# The next upstream is asked though the first one's error never ends.
{
    my $began = time;
    my $r = post('failover', '/two/v1/messages', messages_body('script:hostile/endless-error-later'));
    is $r->{status}, 200, 'an endless 503: another is tried';
    cmp_ok time - $began, '<', 3, 'soon';
}
done_testing;
