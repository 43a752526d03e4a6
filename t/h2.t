#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# HTTP/2 clients.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(time);

my $url = 'http://' . hostport('h2') . '/v1/messages';

sub curl {
    my ($body, @more) = @_;
    open my $fh, '-|', 'curl', '-sN', '--http2-prior-knowledge', '-m', '10', '-w', "\n%{http_code} %{http_version}",
        '-H', 'content-type: application/json', '-d', encode($body), @more, $url or die "curl: $!\n";
    local $/;
    my $text = <$fh>;
    $text =~ s/\n(\d+) (\S+)\z//;
    return ($text, $1, $2);
}

my ($text, $status, $version) = curl(messages_body('m'));
is $version, 2, 'HTTP/2';
is $status, 200, 'a document';
is decode($text)->{content}[0]{text}, 'You said: hello', 'its text';

($text, $status) = curl(messages_body('m', 'a b c', stream => JSON::PP::true()));
is $status, 200, 'a stream';
like $text, qr/event: message_stop\ndata: \{"type":"message_stop"\}\n\n\z/, 'to its end';

($text, $status) = curl(messages_body('script:always/429', 'x'), '-D', logs_dir() . '/h2head');
is $status, 429, 'an error';
open my $fh, '<', logs_dir() . '/h2head' or die "h2head: $!\n";
like join('', <$fh>), qr/^retry-after: 7\r$/m, 'with Retry-After';

# A broken answer is a broken stream in HTTP/2 too.
{
    my $client = system 'curl', '-sN', '--http2-prior-knowledge', '-m', '10', '-o', logs_dir() . '/h2cut',
        '-H', 'content-type: application/json', '-d',
        encode(messages_body('script:streams/cut', 'x', stream => JSON::PP::true())), $url;
    open my $in, '<', logs_dir() . '/h2cut' or die "h2cut: $!\n";
    my $got = do { local $/; <$in> };
    ok $client != 0 || $got =~ /event: error/, 'a cut stream is told or broken';
    unlike $got, qr/message_stop/, 'and has no clean end';
}

# Several at once on one connection.
{
    my $file = logs_dir() . '/h2many.json';
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} encode(messages_body('script:streams/drip', 'one two', stream => JSON::PP::true()));
    close $out;
    my $began = time;
    my $all = qx(nghttp -m 6 -d $file -H 'content-type: application/json' $url 2>&1);
    my $ends = () = $all =~ /event: message_stop/g;
    is $ends, 6, 'six streams on one connection all end';
    cmp_ok time - $began, '<', 8, 'side by side';
}
done_testing;
