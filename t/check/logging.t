#!/usr/bin/perl
# Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0
#
# docs/logging.md tells every tag of the access log, each of which a test looks at.
use strict;
use warnings;

use Test::More;

use ClaudeTest::Sources qw(code text);

my %tag = map { $_ => 1 } code('src/httpd/log_values.c') =~ /^\s+VALUE\("([\w-]+)", \w+\),/mg;
cmp_ok scalar(keys %tag), '>', 20, 'tags are found';

my $page = text('docs/logging.md');
my ($table) = $page =~ /^\| tag \| what \|\n((?:\|.*\n)+)/m;
my @told = map { /`([\w-]+)`/g } map { (split /(?<!\\)\|/)[1] } split /\n/, $table;
is_deeply [ sort grep { $_ !~ /^-*$/ } @told ], [ sort keys %tag ], 'the table has each once';

my ($json) = $page =~ /^(LogFormat .*claude_json)$/m;
my ($tested) = text('t/conf/extra.conf.in') =~ /^\s*(LogFormat .* tags)$/m;
for my $name (sort keys %tag) {
    like $tested, qr/%\{\Q$name\E[|}]/, "$name is tested";
    like $json, qr/%\{\Q$name\E[|}]/, "$name is in the JSON format";
}
for my $name ("$page$json" =~ /%\{([\w-]+)(?:\|[^}]*)?\}\^CL/g) {
    ok $tag{$name} || $name eq 'NAME', "$name is a tag";
}
done_testing;
