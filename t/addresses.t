#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# URLs that refuse, do not answer or bring their own version; header rules.
use strict;
use warnings;

use ClaudeTest;
use Test::More;

for my $way (qw(refused void)) {
    upstream_reset();
    my $r = post('addresses', "/$way/v1/messages", messages_body('m'));
    is $r->{status}, 200, "$way: the next URL answers" or diag $r->{body};
    my ($seen) = upstream_log();
    is $seen->{path}, '/at/backup/v1/messages', "$way: the backup";
    cmp_ok $r->{last}, '<', 3, "$way: soon";
}
{
    my $r = post('addresses', '/nowhere/v1/messages', messages_body('m'));
    is $r->{status}, 502, 'nowhere: 502';
    is $r->{json}{error}{type}, 'api_error', 'nowhere: in shape';
    unlike $r->{body}, qr/127\.0\.0\.1/, 'nowhere: the address is not told';
    $r = post('addresses', '/nowhere/v1/chat/completions', chat_body('m'));
    is $r->{status}, 502, 'nowhere, Chat: 502';
    is $r->{json}{error}{type}, 'server_error', 'nowhere, Chat: in shape';
}
{
    upstream_reset();
    post('addresses', '/versioned/v1/messages', messages_body('m'));
    my ($seen) = upstream_log();
    is $seen->{path}, '/at/versioned/v3/messages', 'a URL with a version keeps it';
}
{
    upstream_reset();
    post('addresses', '/headers/v1/messages', messages_body('m'), headers => [ 'X-Dropped' => 'x' ]);
    my ($seen) = upstream_log();
    is header_of($seen, 'x-own-key'), 'address-key', 'the key in a header of its own';
    is header_of($seen, 'x-api-key'), undef, 'and in no other';
    is header_of($seen, 'x-added'), 'one', 'a header added';
    is header_of($seen, 'x-dropped'), undef, 'a header removed';
    is header_of($seen, 'user-agent'), 'test-agent/1', 'User-Agent';
}
done_testing;
