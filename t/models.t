#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# Lists of models: merged from what upstreams tell and the configuration names.
use strict;
use warnings;

use ClaudeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my @anthropic = ('anthropic-version' => '2023-06-01');

sub ids {
    my ($answer) = @_;
    return join ' ', map { $_->{id} } @{ $answer->{json}{data} || [] };
}

# Several upstreams, of which some do not do as they should.
{
    upstream_reset();
    my $r = request(vhost => 'lists', path => '/merged/v1/models');
    is $r->{status}, 200, 'merged';
    is ids($r), 'paged-1 paged-2 paged-3 behind-the-key gpt-up-1 spelled-out named-here',
        'channels in the order of the configuration, each by id; then the configured names';
    is $r->{headers}{'content-type'}, 'application/json', 'JSON';
    my @log = upstream_log();
    my @pages = map { $_->{path} } grep { $_->{path} =~ /list-pages/ } @log;
    is_deeply \@pages, [ map { "/use/list-pages/v1/models?limit=1000$_" }
            '', '&after_id=paged-1', '&after_id=paged-3' ], 'all pages are asked for';
    my ($first) = grep { $_->{path} =~ /list-pages/ } @log;
    is header_of($first, 'x-api-key'), 'lists-key', 'with the channel\'s key';
    is header_of($first, 'anthropic-version'), '2023-06-01', 'and version';
    my @keys = map { header_of($_, 'authorization') } grep { $_->{path} =~ /list-refused/ } @log;
    is_deeply \@keys, [ 'Bearer lists-key-1', 'Bearer lists-key-2' ], 'a refused key is followed by the next';
    is scalar(grep { $_->{path} =~ m{^/at/asleep} } @log), 0, 'a suspended channel is not asked';
}

# What the client sent does not go up.
{
    upstream_reset();
    request(vhost => 'lists', path => '/cached/v1/models?limit=3&key=secret',
        headers => [ 'x-api-key' => 'client-key', 'x-mine' => 1 ]);
    my ($seen) = upstream_log();
    ok $seen, 'asked';
    is header_of($seen, 'x-api-key'), undef, 'no credential of the client\'s';
    is header_of($seen, 'x-mine'), undef, 'no field of the client\'s';
    unlike $seen->{path}, qr/secret/, 'no query of the client\'s';
}

# Kept for a while, in each child.
{
    upstream_reset();
    is ids(request(vhost => 'lists', path => '/cached/v1/models')), 'gpt-up-1', "kept: request $_" for 1 .. 40;
    cmp_ok scalar(upstream_log()), '<=', scalar(children()), 'a child asks once a minute at most';
    upstream_reset();
    request(vhost => 'models', path => '/v1/models') for 1 .. 3;
    is scalar(upstream_log()), 6, 'ClaudeModelsCache Off: asked each time';
}

# Nobody tells anything.
{
    my $r = request(vhost => 'lists', path => '/nowhere/v1/models');
    is $r->{status}, 200, 'no upstream answers: 200';
    is_deeply $r->{json}, { object => 'list', data => [] }, 'and an empty list';
    $r = request(vhost => 'empty', path => '/v1/models', headers => \@anthropic);
    is_deeply $r->{json}, { data => [], has_more => JSON::PP::false(), first_id => undef, last_id => undef },
        'no channel: an empty list';
    is request(vhost => 'empty', path => '/health')->{status}, 503, 'and a health that says so';
    is request(vhost => 'empty', path => '/health')->{json}{channels}{active}, 0, 'in numbers';
    is request(vhost => 'lists', path => '/merged/health')->{json}{channels}{active}, 4, 'four of them';
    is request(vhost => 'lists', path => '/merged/health')->{json}{channels}{configured}, 5, 'of five';
}

# Pages for Anthropic's clients.
{
    my $page = sub {
        upstream_reset();
        return request(vhost => 'lists', path => "/merged/v1/models?$_[0]", headers => \@anthropic);
    };
    my $r = $page->('limit=2');
    is ids($r), 'paged-1 paged-2', 'limit';
    ok $r->{json}{has_more}, 'there is more';
    is $r->{json}{last_id}, 'paged-2', 'last id';
    $r = $page->('limit=2&after_id=gpt-up-1');
    is ids($r), 'spelled-out named-here', 'the last page';
    ok !$r->{json}{has_more}, 'there is no more';
    is ids($page->('limit=2&before_id=paged-3')), 'paged-1 paged-2', 'backwards';
    $r = $page->('limit=none');
    is $r->{status}, 400, 'a limit that is no number';
    is $r->{json}{error}{type}, 'invalid_request_error', 'in the client\'s shape';
    is $page->('after_id=nothing')->{status}, 400, 'a page behind what is not there';
}

# One model.
for my $case (
    [ \@anthropic, type => 'model', 404, sub { $_[0]{error}{type} }, 'not_found_error' ],
    [ [], object => 'model', 404, sub { $_[0]{error}{code} }, 'model_not_found' ],
    [ [ 'x-goog-api-key' => 'k' ], name => 'models/gpt-up-1', 404, sub { $_[0]{error}{status} }, 'NOT_FOUND' ],
) {
    my ($headers, $member, $value, $status, $error, $word) = @$case;
    my $r = request(vhost => 'lists', path => '/cached/v1/models/gpt-up-1', headers => $headers);
    is $r->{json}{$member}, $value, "one model: $member";
    $r = request(vhost => 'lists', path => '/cached/v1/models/gpt-up-2', headers => $headers);
    is $r->{status}, $status, 'no such model';
    is $error->($r->{json}), $word, "in the client's shape: $word";
}

# Google's clients are known although their key is taken out of the request.
for my $case ([ '', [ 'x-goog-api-key' => 'alice-key' ] ], [ '?key=alice-key', [] ]) {
    my $r = request(vhost => 'lists', path => "/locked/v1/models$case->[0]", headers => $case->[1]);
    is $r->{status}, 200, 'with a key';
    is $r->{json}{models}[0]{name}, 'models/gpt-up-1', 'Google\'s list' or diag $r->{body};
}

# A HEAD and its length.
{
    my $get = request(vhost => 'lists', path => '/cached/v1/models');
    my $head = request(vhost => 'lists', method => 'HEAD', path => '/cached/v1/models');
    is $head->{status}, 200, 'HEAD';
    is $head->{headers}{'content-length'}, length $get->{body}, 'the same length';
}

# A client that leaves, and one that does not.
{
    upstream_reset();
    my $client = ClaudeTest::Client->open_to(hostport('lists'));
    $client->send_request(path => '/hanging/v1/models');
    ok wait_for(3, sub { upstream_log(script => 'list-hang') }), 'asking';
    my $left = time;
    $client->shut;
    my $entry = wait_for(3, sub { my ($e) = grep { $_->{aborted} } upstream_log(script => 'list-hang'); $e });
    ok $entry && $entry->{aborted} - $left < 1, 'the upstream is left within a second';

    my $began = time;
    my $r = request(vhost => 'lists', path => '/hanging/v1/models');
    is $r->{status}, 200, 'an upstream that hangs: 200';
    my $took = time - $began;
    ok $took > 4 && $took < 10, 'after five seconds' or diag $took;
}
done_testing;
