#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# docs/openapi.json describes what the router knows, and docs/channels.schema.json what the overlay
# may say: in both directions.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ClaudeTest::Schema qw(misfits resolve);
use ClaudeTest::Sources qw(text);

my $json = JSON::PP->new->utf8;
my $api = $json->decode(text('docs/openapi.json'));
my $schema = $json->decode(text('docs/channels.schema.json'));

# Routes.
my (%route, %kind);
my $table = text('src/gateway/admin_routes.c');
while ($table =~ /\{"([A-Z]+)",\s*"(\/[^"]+)",\s*(\w+),\s*\w+,\s*"([^"]+)"\}/g) {
    $route{"$1 $2"} = $4;
    $kind{"$1 $2"} = $3;
}
cmp_ok scalar(keys %route), '>=', 20, 'the table of routes is found';

my %told;
for my $path (keys %{ $api->{paths} }) {
    for my $method (keys %{ $api->{paths}{$path} }) {
        $told{ uc($method) . " $path" } = $api->{paths}{$path}{$method};
    }
}
is_deeply [ sort keys %told ], [ sort keys %route ], 'the document tells every route, and no other';

my %ids;
for my $route (sort keys %told) {
    my $op = $told{$route};
    is $op->{summary}, $route{$route}, "$route: summary";
    ok $op->{operationId} && !$ids{ $op->{operationId} }++, "$route: an id of its own";
    my %parameter = map { my $p = resolve($_, $api); ("$p->{in} $p->{name}" => 1) } @{ $op->{parameters} || [] };
    is_deeply [ sort map { "path $_" } $route =~ /\{(\w+)\}/g ], [ sort grep { /^path/ } keys %parameter ],
        "$route: parameters of the path";
    is !!$parameter{'header If-Match'}, $kind{$route} =~ /^(?:WRITES|RESETS)$/, "$route: If-Match, if it changes anything";
    my %failures = (WRITES => [qw(409 412 500 503)], RESETS => [qw(412 503)]);
    for my $status (qw(401 403), @{ $failures{ $kind{$route} } || [] }) {
        ok $op->{responses}{$status}, "$route: $status is promised";
    }
    ok resolve($op->{responses}{$_}, $api), "$route: $_" for sort keys %{ $op->{responses} };
}

# Documents for t/admin.t: one for each operation that takes any, as the operation describes it.
my %example;
for my $line (split /\n/, text('t/cases/admin.jsonl')) {
    my $row = $json->decode($line);
    ok !$example{ $row->{operation} }++, "t/cases/admin.jsonl: $row->{operation}, once";
    my $schema = resolve(($told{ $row->{operation} } || {})->{requestBody}, $api)->{content}{'application/json'}{schema} || {};
    is join(', ', misfits($row->{document}, $schema, $api)), '', '... as it is described';
}
is_deeply [ sort keys %example ], [ sort grep { $told{$_}{requestBody} } keys %told ],
    't/cases/admin.jsonl has each operation that takes a document, and no other';

my $page = text('docs/admin.md');
for my $route (sort keys %route) {
    my ($method, $path) = split / /, $route;
    like $page, qr/^\Q| $method | `$path` | $route{$route} |\E$/m, "docs/admin.md: $route";
}

# Settings of channels.
my @member = text('include/sched/channel_settings.h') =~ /S\(\w+, "\w+", "(\w+)"\)/g;
my ($besides) = text('src/gateway/overlay_lay.c') =~ /\bbesides\[\] = \{(.*?)NULL/s;
my ($as_told) = text('src/gateway/edit_settings.c') =~ /\btold\[\] = \{(.*?)NULL/s;
cmp_ok scalar(@member), '>', 20, 'the settings are found';
my @overlay = (@member, qw(baseUrl insecureSkipVerify), $besides =~ /"(\w+)"/g);
is_deeply [ sort keys %{ $schema->{'$defs'}{channel}{properties} } ], [ sort @overlay ],
    'docs/channels.schema.json has every member of a channel, and no other';
my $channel = $api->{components}{schemas}{Channel}{properties};
is_deeply [ sort grep { !$channel->{$_}{readOnly} } keys %$channel ], [ sort @overlay ],
    'docs/openapi.json: what can be said';
my %readable = map { $_ => 1 } $as_told =~ /"(\w+)"/g;
is_deeply [ grep { !$readable{$_} } grep { $channel->{$_}{readOnly} } sort keys %$channel ], [],
    'docs/openapi.json: what is told only is not taken as a setting';

# The table of docs/live.md.
my $live = text('docs/live.md');
like $live, qr/^\|[^|]*`$_`/m, "docs/live.md: $_" for grep { !/^tlsC/ } @member;

done_testing;
