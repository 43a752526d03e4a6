#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Request bodies in gzip, deflate and zstd; a bomb is refused.
use strict;
use warnings;

use ClaudeTest;
use Digest::SHA qw(sha256_hex);
use IO::Compress::Deflate qw(deflate);
use IO::Compress::Gzip qw(gzip);
use IO::Compress::RawDeflate qw(rawdeflate);
use Test::More;

sub zstd {
    my ($text) = @_;
    my $file = logs_dir() . '/zstd.in';
    open my $fh, '>:raw', $file or die "$file: $!\n";
    print {$fh} $text;
    close $fh;
    open my $out, '-|:raw', 'zstd', '-q', '-c', $file or die "zstd: $!\n";
    local $/;
    return scalar <$out>;
}

my $body = encode(messages_body('m', 'hello ' x 1000));
my (%coded, $out);
gzip(\$body => \$out);
$coded{gzip} = $out;
deflate(\$body => \$out);
$coded{deflate} = $out;
$coded{'x-gzip'} = $coded{gzip};
$coded{zstd} = zstd($body);

for my $coding (sort keys %coded) {
    upstream_reset();
    my $r = post('main', '/v1/messages', $coded{$coding}, headers => [ 'Content-Encoding' => $coding ]);
    is $r->{status}, 200, "$coding: answered" or diag $r->{body};
    my ($seen) = upstream_log();
    my $got = header_of($seen, 'content-encoding') // '';
    ok $got eq '' && $seen->{body_sha256} eq sha256_hex($body)
        || $got eq $coding && $seen->{body_sha256} eq sha256_hex($coded{$coding}),
        "$coding: the upstream gets the body, and what it is said to be";
    $r = post('chat', '/v1/messages', $coded{$coding}, headers => [ 'Content-Encoding' => $coding ]);
    is $r->{json}{type}, 'message', "$coding: converted";
}
rawdeflate(\$body => \$out);
is post('main', '/v1/messages', $out, headers => [ 'Content-Encoding' => 'deflate' ])->{status}, 200,
    'deflate without its envelope, as some clients send it';
is post('main', '/inflated/v1/messages', $coded{gzip}, headers => [ 'Content-Encoding' => 'gzip' ])->{status}, 200,
    'gzip that an input filter takes off';
is post('main', '/v1/messages', $body, headers => [ 'Content-Encoding' => 'identity' ])->{status}, 200, 'identity';

upstream_reset();
my $bomb = encode(messages_body('m', 'a' x 5_000_000));
gzip(\$bomb => \my $small);
for my $case ([ gzip => $small ], [ zstd => zstd($bomb) ]) {
    my ($coding, $bytes) = @$case;
    cmp_ok length $bytes, '<', 20_000, "$coding: a small body that grows";
    my $r = post('main', '/limits/v1/messages', $bytes, headers => [ 'Content-Encoding' => $coding ]);
    is $r->{status}, 413, "$coding: is too large when decoded";
    is $r->{json}{error}{type}, 'request_too_large', "$coding: in shape";
}
for my $coding (qw(gzip deflate zstd)) {
    my $half = substr $coded{$coding}, 0, 40;
    is post('main', '/v1/messages', $half, headers => [ 'Content-Encoding' => $coding ])->{status}, 400,
        "$coding: cut off is refused";
}
is scalar(upstream_log()), 0, 'no upstream was asked';
done_testing;
