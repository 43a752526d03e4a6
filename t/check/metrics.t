#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# docs/metrics.md tells every metric, its type and its labels; docs/grafana.json names only those.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ClaudeTest::Sources qw(code text);

my %type;
for my $path (qw(src/gateway/prometheus.c src/gateway/metric_rows.c)) {
    my $code = code($path);
    $type{$1} = $2 while $code =~ /"((?:claude_proxy|gen_ai)_\w+)",\s*"(counter|gauge|histogram)"/g;
}
cmp_ok scalar(keys %type), '>', 40, 'metrics are found';

my $page = text('docs/metrics.md');
my %told;
for my $row (grep { /^\| `/ } split /\n/, $page) {
    my (undef, $name, $type) = map { s/^\s+|\s+$|`//gr } split /\|/, $row;
    $told{$name} = $name =~ /^gen_ai/ ? 'histogram' : $type;
}
is_deeply \%told, \%type, 'the page has each, with its type';

my $dashboard = JSON::PP->new->decode(text('docs/grafana.json'));
my %ids;
$ids{ $_->{id} }++ for @{ $dashboard->{panels} };
ok !grep({ $_ > 1 } values %ids), 'panels have ids of their own';
my %asked;
for my $panel (@{ $dashboard->{panels} }) {
    ok $panel->{title} && $panel->{gridPos} && @{ $panel->{targets} }, "panel: $panel->{title}";
    $asked{$_} = 1 for map { $_->{expr} =~ /\b((?:claude_proxy|gen_ai)_\w+)[{\[]/g } @{ $panel->{targets} };
}
for my $name (sort keys %asked) {
    ok $type{$name} || ($type{ $name =~ s/_(?:bucket|sum|count)$//r } // '') eq 'histogram', "$name is a metric";
}
done_testing;
